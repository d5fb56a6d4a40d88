"""Helpers of the tests that run real processes: waiting for a condition, a known suite shape."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import yaml

from quartet.runtime import processes
from quartet.runtime.processes import lives
from quartet.runtime.runfile import run_file
from quartet.runtime.shape import Shape

SHAPE = Shape("payables", ("specialist-documents", "specialist-finance"), ("specialist-documents",))


def eventually(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait until a condition holds, and fail when it does not in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.05)


def gone_within(left: Callable[[], set[str]], within_s: float) -> None:
    """Wait until nothing is left, and fail with what is when it is not so in time."""
    deadline = time.monotonic() + within_s
    while still := left():
        assert time.monotonic() < deadline, f"after {within_s} s there is {sorted(still)}"
        time.sleep(0.05)


def quiet(_text: str) -> None:
    """Take a progress line and say nothing."""


def gone(pids: set[int]) -> bool:
    """Tell whether none of these processes runs (one that ended and was not reaped is gone)."""
    return not any(psutil.pid_exists(pid) and lives(psutil.Process(pid)) for pid in pids)


def family(pid: int) -> set[int]:
    """Return a process and all that it started, as pids."""
    return {process.pid for process in processes.family(pid)}


def plain_run_file(folder: Path) -> Path:
    """Write a run file in which each service is the plain app."""
    command = ["python3", "-m", "tests.suite.plain_app"]
    commands = {app.app_id: command for app in SHAPE.apps if app.has_app}
    repository = str(Path(__file__).resolve().parents[2])
    path = folder / "dapr.yaml"
    path.write_text(yaml.safe_dump(run_file(SHAPE, repository, commands)))
    return path
