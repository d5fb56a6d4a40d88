"""Killing parts of a running suite by pid, and proof that it landed; when is decided elsewhere."""

import os
import signal
from dataclasses import dataclass
from typing import Literal

import psutil

from quartet.runtime import control
from quartet.runtime.layout import DataFolder
from quartet.runtime.processes import family, lives
from quartet.runtime.suite import Suite
from tests.suite.here import eventually

APPS = (
    "coordinator",
    "planner",
    "critic",
    "models",
    "reader",
    "toolbox",
    "console",
    "specialist-documents",
    "specialist-finance",
)
CONTROL_PLANE = ("redis", "sentry", "placement", "scheduler")
BACK_WITHIN_S = 30.0


@dataclass(frozen=True)
class Target:
    """One process of a suite: a service, a sidecar, or a part of the control plane."""

    kind: Literal["app", "sidecar", "control"]
    name: str

    def __str__(self) -> str:
        """Name it for people."""
        return {"app": "", "sidecar": "sidecar of ", "control": ""}[self.kind] + self.name


TARGETS = (
    *(Target("app", name) for name in APPS),
    *(Target("sidecar", name) for name in APPS),
    *(Target("control", name) for name in CONTROL_PLANE),
)


def process_of(data: DataFolder, suite: Suite, target: Target) -> psutil.Process | None:
    """Return the process that is the target now, if it runs."""
    if target.kind == "control":
        pid = control.status(data)["programs"].get(target.name, {}).get("pid")
        found = [psutil.Process(pid)] if pid and psutil.pid_exists(pid) else []
    else:
        found = [one for one in family(suite.pid) if _is(one, target)]
    return next((one for one in found if lives(one)), None)


def _is(process: psutil.Process, target: Target) -> bool:
    try:
        words = process.cmdline()
        if target.kind == "sidecar":
            pair = ["--app-id", target.name]
            named = any(words[i : i + 2] == pair for i in range(len(words)))
            return named and words[0].endswith("/bin/daprd") and "python" not in words[0]
        serves = any(w.startswith(("services.", "tests.suite.")) for w in words[1:3])
        return serves and process.environ().get("APP_ID") == target.name
    except psutil.Error:
        return False


def kill(data: DataFolder, suite: Suite, target: Target) -> int:
    """Kill -9 the target, waiting for it to be there first; return the pid that is gone."""
    found: list[psutil.Process] = []

    def is_there() -> bool:
        found[:] = [one for one in (process_of(data, suite, target),) if one is not None]
        return bool(found)

    eventually(is_there, BACK_WITHIN_S)
    os.kill(found[0].pid, signal.SIGKILL)
    return int(found[0].pid)


def is_back(data: DataFolder, suite: Suite, target: Target, killed: int) -> bool:
    """Tell whether the killed process is gone and another one is the target."""
    process = process_of(data, suite, target)
    gone = not psutil.pid_exists(killed) or not lives(psutil.Process(killed))
    return gone and process is not None and process.pid != killed
