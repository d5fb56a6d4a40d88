"""Crash points for composed services: armed by a file, hit once; what is wrapped is up to them.

`crash/<point>` in the data folder arms a point, its text says what happens there: `kill` ends the
process with SIGKILL, `pause` waits for `crash/<point>.go`. `crash/<point>.hit` then has the pid.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar

from pydantic import BaseModel

from quartet.contracts.base import Contract
from quartet.sidecar.ports import Invoker, Publisher

Got = TypeVar("Got", bound=BaseModel)
Given = ParamSpec("Given")
Answer = TypeVar("Answer")
_PAUSED_AT_MOST_S = 60.0


@dataclass(frozen=True)
class Points:
    """The crash points of one suite, as files; both the test and the service use it."""

    folder: Path

    def arm(self, point: str, what: Literal["kill", "pause"]) -> None:
        """Have the next process that comes to the point be killed or pause there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o777)  # the service that comes to a point may have a user of its own
        for old in ("by", "go", "hit"):
            (self.folder / f"{point}.{old}").unlink(missing_ok=True)
        partial = self.folder / f".{point}"
        partial.write_text(what)
        partial.rename(self.folder / point)

    def reach(self, point: str) -> None:
        """Be at a point: do what it is armed for, if it is."""
        armed, hit = self.folder / point, self.folder / f"{point}.hit"
        try:
            armed.rename(hit)
        except FileNotFoundError:
            return
        what = hit.read_text()
        hit.with_suffix(".by").write_text(str(os.getpid()))
        if what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        deadline = time.monotonic() + _PAUSED_AT_MOST_S
        while not (self.folder / f"{point}.go").exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    def hit_by(self, point: str) -> int | None:
        """Return the pid of the process that came to an armed point, if one has."""
        by = (self.folder / f"{point}.hit").with_suffix(".by")
        said = by.read_text() if by.exists() else ""
        return int(said) if said else None

    def release(self, point: str) -> None:
        """Let the process that pauses at a point go on."""
        (self.folder / f"{point}.go").touch()


@dataclass(frozen=True)
class CrashingInvoker:
    """Calls through another invoker, with a point before and after each path."""

    inner: Invoker
    points: Points

    def call(  # noqa: PLR0913 - the port's
        self,
        app_id: str,
        path: str,
        sent: BaseModel | None,
        returns: type[Got],
        timeout_s: float = 30.0,
        token: str = "",
    ) -> Got:
        """Call; see the port."""
        name = path.partition("?")[0].replace("/", "-")
        self.points.reach(f"before-call-{name}")
        got = self.inner.call(app_id, path, sent, returns, timeout_s, token)
        self.points.reach(f"after-call-{name}")
        return got


@dataclass(frozen=True)
class CrashingPublisher:
    """Publishes through another publisher, with a point before and after each topic."""

    inner: Publisher
    points: Points

    def publish(self, topic: str, event_id: str, data: Contract) -> None:
        """Publish; see the port."""
        self.points.reach(f"before-publish-{topic}")
        self.inner.publish(topic, event_id, data)
        self.points.reach(f"after-publish-{topic}")


def before(points: Points, point: str, inner: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Return a function with a point before it."""

    def reaching(*given: Given.args, **named: Given.kwargs) -> Answer:
        points.reach(point)
        return inner(*given, **named)

    return reaching
