"""Who is calling in which trace (W3C Trace Context): sent with each call, known where it is served.

App-ids are proved by certificates; the replica is what the calling app says of itself.
"""

import hashlib
import os
import re
import secrets
import socket
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass

from quartet.contracts.base import TaskId

REPLICA = f"{socket.gethostname()}:{os.getpid()}"
"""This process, among those that run as the same app-id."""
REPLICA_HEADER = "quartet-replica"
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_REPLICA = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_CALLER = re.compile(r"/callers/([^/]{1,64})/")


@dataclass(frozen=True)
class Calling:
    """The call that is being served; all empty outside of one."""

    caller: str = ""
    replica: str = ""
    trace: str = ""


_calling: ContextVar[Calling] = ContextVar("calling", default=Calling())  # noqa: B039 - frozen


def calling() -> Calling:
    """Return the call that this thread or task serves."""
    return _calling.get()


def served(path: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Note the call that is served from here on; what is malformed counts as not sent."""
    told = {name: value.decode("latin-1") for name, value in headers}
    caller = _CALLER.match(path)
    trace = _TRACEPARENT.fullmatch(told.get(b"traceparent", ""))
    replica = told.get(REPLICA_HEADER.encode(), "")
    _calling.set(
        Calling(
            caller=caller[1] if caller else "",
            replica=replica if _REPLICA.fullmatch(replica) else "",
            trace=trace[1] if trace else "",
        )
    )


def trace_of(task: TaskId | None) -> str:
    """Return the trace id of a task, the same everywhere; without a task that of the call."""
    if task is None:
        return calling().trace
    return hashlib.sha256(b"quartet trace " + task.encode()).hexdigest()[:32]


def headers_for(task: TaskId | None) -> dict[str, str]:
    """Return the headers that tell the callee who calls, and in which trace."""
    trace = trace_of(task) or secrets.token_hex(16)
    return {
        "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01",
        REPLICA_HEADER: REPLICA,
    }
