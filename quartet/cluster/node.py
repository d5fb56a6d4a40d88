"""The node of a local cluster: started in namespaces of its own, entered, and ended."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
from pydantic import BaseModel

from quartet.cluster import cgroups
from quartet.cluster.places import Places
from quartet.cluster.requirements import PATH
from quartet.cluster.waiting import until
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import repository
from quartet.runtime.processes import lives

_NAMESPACES = ("--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup")
_END_S = 20.0


class Node(BaseModel):
    """A node that was started: its first process, as seen from outside, and its groups."""

    pid: int
    created: float
    groups: tuple[Path, ...]

    @property
    def runs(self) -> bool:
        """Tell whether the first process still runs, and is not another one with its pid."""
        try:
            process = psutil.Process(self.pid)
            return lives(process) and abs(process.create_time() - self.created) < 1
        except psutil.NoSuchProcess:
            return False

    def inside(self, argv: Sequence[str], *, network_only: bool = False) -> list[str]:
        """Return the command line that runs `argv` inside the node, or in its network alone."""
        scope = ["-n"] if network_only else ["-n", "-m", "-p", "-u", "-i", "-C"]
        return ["nsenter", "-t", str(self.pid), *scope, "--", *argv]


def find(places: Places) -> Node | None:
    """Return the node that runs, if one does."""
    node = recorded(places)
    return node if node and node.runs else None


def recorded(places: Places) -> Node | None:
    """Return the node that was started last and not cleared away, dead or alive."""
    try:
        return Node.model_validate_json(places.node.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def start(places: Places) -> Node:
    """Start the node whose plan lies in `places`; returns when its first process runs.

    Raises:
        SetupError: the namespaces or groups cannot be made.

    """
    try:
        groups = cgroups.make()
    except OSError as refused:
        raise SetupError(f"Control groups cannot be made here: {refused}") from refused
    python = [sys.executable, "-m", "quartet.cluster.init", str(places.programs)]
    command = ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--propagation", "private"]
    log = places.logs / "init.log"
    with log.open("ab") as output:
        outer = subprocess.Popen(
            [*command, *python],
            cwd=repository(),
            env={"PATH": PATH, "PYTHONPATH": str(repository())},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: cgroups.enter(groups),
        )
    first: list[psutil.Process] = []

    def begun() -> bool:
        if outer.poll() is not None:
            raise SetupError(f"The node did not start: {_tail(log)}")
        first[:] = psutil.Process(outer.pid).children()
        return bool(first)

    until(begun, 10, lambda: f"The node did not start: {_tail(log)}")
    node = Node(pid=first[0].pid, created=first[0].create_time(), groups=groups)
    places.node.write_text(node.model_dump_json())
    return node


def stop(places: Places) -> None:
    """End the node with all that runs on it, and remove what it wrote but for its images.

    Raises:
        SetupError: a process or a control group is still there.

    """
    node = recorded(places)
    if node and node.runs:
        os.kill(node.pid, signal.SIGKILL)
    if node:
        until(lambda: not node.runs, _END_S, lambda: f"Process {node.pid} does not end.")
        left: list[Path] = []

        def cleared() -> bool:
            left[:] = cgroups.remove(node.groups)
            return not left

        until(cleared, _END_S, lambda: f"Control group {left[0]} still holds a process.")
    if places.run.exists():
        shutil.rmtree(places.run)


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else f"{log} is empty"
