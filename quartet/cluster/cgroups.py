"""Control groups (version 1) for a local cluster, below those of the process that starts it."""

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids")
NAMED = "systemd"
_NAME = "quartet-cluster"


def available() -> bool:
    """Tell whether this machine has each controller as a hierarchy of its own (version 1)."""
    return all((ROOT / one / "cgroup.procs").is_file() for one in (*CONTROLLERS, NAMED))


def make() -> tuple[Path, ...]:
    """Make one group in each hierarchy, below this process's own, and return them.

    Raises:
        OSError: the hierarchies cannot be written.

    """
    own = _own_groups(Path("/proc/self/cgroup").read_text(encoding="utf-8"))
    made = []
    for controller in (*CONTROLLERS, NAMED):
        parent = ROOT / controller / own.get(controller, "/").lstrip("/")
        group = parent / _NAME
        group.mkdir(exist_ok=True)
        if controller == "cpuset":
            # A cpuset takes no process before it has processors and memory.
            for name in ("cpuset.cpus", "cpuset.mems"):
                (group / name).write_text((parent / name).read_text())
        made.append(group)
    return tuple(made)


def enter(groups: tuple[Path, ...]) -> None:
    """Move the calling process into the groups; what it starts follows."""
    for group in groups:
        (group / "cgroup.procs").write_text("0")


def remove(groups: tuple[Path, ...]) -> list[Path]:
    """Remove the groups and all below them; return those that still hold a process."""
    left = []
    for group in groups:
        below = sorted(group.rglob("*/"), key=lambda path: len(path.parts), reverse=True)
        for folder in (*below, group):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                left.append(folder)
    return left


def _own_groups(text: str) -> dict[str, str]:
    """Return the path of this process in each hierarchy, from the text of /proc/self/cgroup."""
    own = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.removeprefix("name=").split(","):
            own[controller] = path
    return own
