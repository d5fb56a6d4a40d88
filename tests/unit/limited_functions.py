"""What a hostile or broken read function might do, to be run in the limited process. No tests."""

import os
import resource
import signal
import socket
from pathlib import Path

from pydantic import BaseModel


class Told(BaseModel):
    """What a function found out."""

    says: str


def size(content: bytes) -> Told:
    """Answer as a good function does."""
    return Told(says=str(len(content)))


def loop(content: bytes) -> Told:
    """Never come back, busy."""
    while content is not None:
        pass
    return Told(says="unreachable")


def wait(content: bytes) -> Told:
    """Never come back, idle."""
    signal.pause()
    return Told(says=f"woken after {len(content)} bytes")


def hoard(content: bytes) -> Told:
    """Take all memory."""
    kept = [bytearray(content)]
    while True:
        kept.append(bytearray(50_000_000))


def shout(content: bytes) -> Told:
    """Answer far too much."""
    return Told(says="x" * int(content))


def crash(content: bytes) -> Told:
    """End as a broken C library does."""
    if content == b"abort":
        os.abort()
    os._exit(int(content))


def fail(content: bytes) -> Told:
    """Fail in Python, with a text that must not come out."""
    raise KeyError(content.decode())


def try_everything(content: bytes) -> Told:
    """Try to reach what must be out of reach, and tell what succeeded."""
    reached = []
    for name, attempt in {
        "socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "unix socket": lambda: socket.socket(socket.AF_UNIX),
        "read": lambda: Path("/etc/passwd").read_bytes(),
        "write": lambda: Path("/tmp/quartet-limited-escape").write_bytes(content),
        "pipe": os.pipe,
        "token": lambda: os.environ["APP_API_TOKEN"],
        "raise limits": raise_limits,
    }.items():
        try:
            attempt()
        except (OSError, KeyError, ValueError):
            continue
        reached.append(name)
    return Told(says=",".join(reached))


def raise_limits() -> None:
    """Try to take back what was given up."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
