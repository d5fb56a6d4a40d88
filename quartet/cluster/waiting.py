"""Waiting for a condition that another process brings about."""

import time
from collections.abc import Callable

from quartet.runtime.errors import SetupError

_LOOK_EVERY_S = 0.1


def until(condition: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    """Wait until the condition holds.

    Raises:
        SetupError: it did not within so many seconds; the text is what `otherwise` returns.

    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SetupError(otherwise())
        time.sleep(_LOOK_EVERY_S)
