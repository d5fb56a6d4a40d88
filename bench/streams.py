"""Reading the broker's streams as its operator; who writes them is no matter."""

from typing import Any

from pydantic import TypeAdapter
from redis import Redis

Entries = list[tuple[str, dict[str, str]]]
"""Entry ids with their fields, oldest first."""
_RANGE = TypeAdapter(Entries)
_READ = TypeAdapter(list[tuple[str, Entries]])


def entries(redis: Redis, stream: str) -> Entries:
    """Return everything on a stream."""
    return _RANGE.validate_python(redis.xrange(stream) or [])


def newest(redis: Redis, stream: str) -> str:
    """Return the id of the newest entry, or the one before any."""
    found = _RANGE.validate_python(redis.xrevrange(stream, count=1) or [])
    return found[0][0] if found else "0"


def news(redis: Redis, after: dict[str, str], wait_ms: int) -> list[tuple[str, Entries]]:
    """Return what came onto streams after these entries; wait for something when there is none."""
    streams: dict[Any, Any] = dict(after)
    return _READ.validate_python(redis.xread(streams, block=wait_ms) or [])


def seconds(entry: str) -> float:
    """Return when an entry was added: the first part of its id."""
    return int(entry.partition("-")[0]) / 1000
