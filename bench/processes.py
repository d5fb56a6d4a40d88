"""CPU time and memory of all processes of a running suite, by kind; which they are, not what for.

The bare apps, their sidecars and launchers are a kind of their own: they belong to the bench.
"""

from collections import defaultdict
from collections.abc import Iterator

import psutil

from bench.bare import CHAIN, STEPS_APP
from bench.figures import Memory
from bench.starting import Started
from quartet.runtime.machine import suite_holder
from quartet.runtime.processes import family

APPS, SIDECARS, REDIS, CONTROL, LAUNCHERS, BENCH = (
    "services",
    "sidecars",
    "Redis",
    "Dapr control plane",
    "launchers and CLI",
    "bare apps, their sidecars",
)
KINDS = (APPS, SIDECARS, REDIS, CONTROL, LAUNCHERS, BENCH)
_CONTROL = ("sentry", "placement", "scheduler")
_MIB = 1024 * 1024


def kinds(started: Started) -> Iterator[tuple[str, psutil.Process]]:
    """Yield each process of the suite and its control plane with its kind."""
    for pid in (started.suite.pid, suite_holder()):
        for process in family(pid) if pid else ():
            try:
                yield _kind(process), process
            except psutil.NoSuchProcess:
                continue


def cpu_seconds(started: Started) -> dict[str, float]:
    """Return the CPU seconds used so far by kind; children that ended and were awaited count."""
    used: dict[str, float] = defaultdict(float)
    for kind, process in kinds(started):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used[kind] += times.user + times.system + times.children_user + times.children_system
    return used


def memory(started: Started) -> dict[str, Memory]:
    """Return the memory of all processes by kind, in a fixed order."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for kind, process in kinds(started):
        try:
            full = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        found[kind].append((full.rss / _MIB, full.pss / _MIB))
    return {
        kind: Memory(
            processes=len(found[kind]),
            rss_mib=sum(rss for rss, _ in found[kind]),
            pss_mib=sum(pss for _, pss in found[kind]),
        )
        for kind in KINDS
        if kind in found
    }


def _kind(process: psutil.Process) -> str:
    words = process.cmdline()
    line = " ".join(words)
    program = words[0].rpartition("/")[2] if words else ""
    if CHAIN in line or STEPS_APP in line or "bench.bare" in line:
        return BENCH
    if program == "daprd":
        return SIDECARS
    if program in _CONTROL:
        return CONTROL
    if "redis-server" in line:
        return REDIS
    return APPS if _serves(process) else LAUNCHERS


def _serves(process: psutil.Process) -> bool:
    """Tell whether a process is a service or something that a service started."""
    own = any(word.startswith("services.") for word in process.cmdline())
    above = (parent.cmdline() for parent in process.parents())
    return own or any(word.startswith("services.") for line in above for word in line)
