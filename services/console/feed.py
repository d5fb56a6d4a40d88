"""The last events that the console heard, numbered, for clients that wait for news."""

import threading
from collections import deque
from itertools import islice
from typing import Any

from quartet.contracts.base import Fields
from quartet.service.events import SUCCESS, Handler

KEPT = 2000


class Feed:
    """Keeps the newest events; a client asks for those after a number and may wait for one."""

    def __init__(self) -> None:
        """Start empty."""
        self._news = threading.Condition()
        self._events: deque[Fields] = deque(maxlen=KEPT)
        self._number = 0

    def hear(self, event: dict[str, Any]) -> dict[str, str]:
        """Keep an event from a topic."""
        with self._news:
            self._number += 1
            self._events.append(
                {
                    "number": self._number,
                    "type": str(event.get("type")),
                    "source": str(event.get("source")),
                    "data": event.get("data"),
                }
            )
            self._news.notify_all()
        return SUCCESS

    def and_then(self, handler: Handler) -> Handler:
        """Return a handler that keeps an event here once the given one has taken it."""

        def heard(event: dict[str, Any]) -> dict[str, str]:
            answer = handler(event)
            return self.hear(event) if answer == SUCCESS else answer

        return heard

    def after(self, number: int, wait_s: float) -> list[Fields]:
        """Return the events after a number; wait up to so many seconds when there is none.

        A number from before a restart of the console is answered with what there is.
        """
        with self._news:
            if number > self._number:
                number = 0
            self._news.wait_for(lambda: self._number > number, timeout=wait_s)
            news = self._number - number
            return list(islice(self._events, max(len(self._events) - news, 0), None))
