"""Conversations kept by reference, one key a turn, so that a repeated turn starts where it did."""

from typing import Protocol

from pydantic import TypeAdapter

from quartet.contracts.base import Json
from quartet.contracts.chat import Message
from quartet.resilience.failures import RetryChanged

MESSAGES = TypeAdapter(tuple[Message, ...])


class Keeping(Protocol):
    """Where conversations are kept."""

    def get(self, key: str) -> Json:
        """Return the value, or None."""

    def put(self, key: str, value: Json) -> None:
        """Write the value."""


def kept(store: Keeping, key: str, number: int, said: tuple[Message, ...]) -> None:
    """Keep what has been said before turn ``number``."""
    store.put(f"{key}.{number}", MESSAGES.dump_python(said, mode="json", exclude_none=True))


def recalled(store: Keeping, key: str, number: int) -> tuple[Message, ...]:
    """Return what was said before turn ``number``, nothing before the first.

    Raises RetryChanged when it is gone: the attempt can not go on, another one can.
    """
    if number == 0:
        return ()
    found = store.get(f"{key}.{number}")
    if found is None:
        raise RetryChanged(
            f"The conversation {key!r} before turn {number} is gone from its store; the subtask "
            "needs another attempt.",
            cause="data",
            title="ConversationLost",
        )
    return MESSAGES.validate_python(found)
