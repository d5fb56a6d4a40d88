"""The first process of a local cluster's node: `python -m quartet.cluster.init PLAN`.

It makes the node's mounts and network, starts its programs, starts again what ends, and reaps.
The kernel ends all of them with it. Never to be run outside namespaces of its own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from quartet.cluster.cgroups import CONTROLLERS, NAMED, ROOT
from quartet.cluster.programs import Plan, Program

_PAUSE_S = 0.5
_OWN_FOLDERS = ("/run", "/var/log/pods", "/var/log/containers")
_WATCHED = {signal.SIGCHLD, signal.SIGTERM}


@dataclass
class _Kept:
    """One program and how it fares."""

    program: Program
    due: float = 0.0
    starts: int = 0
    pid: int = 0
    ends: list[int] = field(default_factory=list)

    def start(self, logs: Path) -> None:
        """Start it, its output appended to a log of its own."""
        with (logs / f"{self.program.name}.log").open("ab") as log:
            started = subprocess.Popen(
                self.program.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=_unblock,
            )
        self.pid = started.pid
        self.starts += 1

    def ended(self, status: int, now: float) -> None:
        """Take note of its end, and of when to start it again."""
        self.pid = 0
        self.ends.append(os.waitstatus_to_exitcode(status))
        self.due = now + _PAUSE_S

    def ready_to_start(self, now: float) -> bool:
        """Tell whether it is to be started now."""
        needs = self.program.needs
        return self.pid == 0 and now >= self.due and (not needs or Path(needs).exists())


def main() -> None:
    """Be the node of the plan named in argv until told to stop."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    node = Plan.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    _mount(node)
    _network(node)
    _keep([_Kept(program) for program in node.programs], node)


def _keep(kept: list[_Kept], node: Plan) -> None:
    logs, status = Path(node.logs), Path(node.status)
    told = ""
    while True:
        now = time.monotonic()
        for one in kept:
            if one.ready_to_start(now):
                one.start(logs)
        told = _tell(kept, status, told)
        signalled = signal.sigtimedwait(_WATCHED, _PAUSE_S)
        if signalled and signalled.si_signo == signal.SIGTERM:
            return
        _reap(kept)


def _reap(kept: list[_Kept]) -> None:
    by_pid = {one.pid: one for one in kept if one.pid}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in by_pid:
            by_pid[pid].ended(status, time.monotonic())


def _tell(kept: list[_Kept], status: Path, told: str) -> str:
    text = json.dumps(
        {
            one.program.name: {"runs": one.pid != 0, "starts": one.starts, "ends": one.ends[-5:]}
            for one in kept
        }
    )
    if text != told:
        partial = status.with_suffix(".partial")
        partial.write_text(text)
        partial.replace(status)
    return text


def _mount(node: Plan) -> None:
    socket.sethostname(node.hostname)
    _do("mount", "--make-rshared", "/")
    _do("mount", "-t", "proc", "proc", "/proc")
    _do("mount", "-t", "sysfs", "sysfs", "/sys")
    _do("mount", "-t", "tmpfs", "tmpfs", str(ROOT))
    for controller in CONTROLLERS:
        (ROOT / controller).mkdir()
        _do("mount", "-t", "cgroup", "-o", controller, "cgroup", str(ROOT / controller))
    (ROOT / NAMED).mkdir()
    _do("mount", "-t", "cgroup", "-o", f"none,name={NAMED}", "cgroup", str(ROOT / NAMED))
    for folder in _OWN_FOLDERS:
        Path(folder).mkdir(parents=True, exist_ok=True)
        _do("mount", "-t", "tmpfs", "tmpfs", folder)
    _do("mount", "--bind", node.resolver, str(Path("/etc/resolv.conf").resolve()))


def _network(node: Plan) -> None:
    _do("ip", "link", "set", "lo", "up")
    _do("ip", "link", "add", "node0", "type", "bridge")
    _do("ip", "addr", "add", f"{node.address}/{node.prefix}", "dev", "node0")
    _do("ip", "link", "set", "node0", "up")
    # Kubernetes wants a default route; nobody answers there.
    nobody = node.address.rsplit(".", 1)[0] + ".254"
    _do("ip", "route", "add", "default", "via", nobody)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _do(*argv: str) -> None:
    subprocess.run(argv, check=True)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)


if __name__ == "__main__":
    main()
