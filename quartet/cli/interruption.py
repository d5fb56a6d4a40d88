"""Ctrl-C, SIGTERM and SIGHUP during a long verb: once they stop it, and what stops is let end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Whether somebody asked to stop; asked for again while it stops, it only says so."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Take where to say that it stops."""
        self._say = say
        self._held = False
        self.came = False

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt, once, and not while it is held back."""
        first = not self.came
        self.came = True
        if first and not self._held:
            raise KeyboardInterrupt
        self._say("stopping as soon as possible; please wait")

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let a step end that must not be cut in two; raise KeyboardInterrupt after it."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self.came:
                raise KeyboardInterrupt

    def close(self) -> None:
        """Hold back from now on: what runs is being stopped."""
        self._held = True


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[Interruption]:
    """Handle the signals for the time of a `with` block."""
    interruption = Interruption(say)
    before = {number: signal.signal(number, interruption.handle) for number in SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
