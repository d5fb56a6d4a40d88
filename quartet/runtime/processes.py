"""Looking at, signalling and waiting for process trees by pid; a zombie counts as gone."""

import signal
import time
from collections.abc import Sequence

import psutil

_LOOK_EVERY_S = 0.05


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started, or nothing when it is gone."""
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def lives(process: psutil.Process) -> bool:
    """Tell whether a process still runs; one that nobody has reaped yet does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def send(processes: Sequence[psutil.Process], wanted: signal.Signals) -> None:
    """Send a signal to those that still run."""
    for process in processes:
        try:
            process.send_signal(wanted)
        except psutil.NoSuchProcess:
            continue


def wait_gone(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all have ended, at most so long; return those that have not."""
    deadline = time.monotonic() + seconds
    while left := [process for process in processes if lives(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(_LOOK_EVERY_S)
    return left
