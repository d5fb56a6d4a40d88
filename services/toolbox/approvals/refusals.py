"""How many refusals at an open door go on record: anybody may cause one, nobody a flood of them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from quartet.contracts.base import Fields
from services.toolbox.ledger import Entry

WINDOW = timedelta(minutes=1)
MOST = 20
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Refusals:
    """Records at most ``most`` refusals a minute in this process, and counts the others.

    The next record that is made says how many before it were left out.
    """

    most: int = MOST
    _since: datetime = NEVER
    _recorded: int = 0
    _left_out: int = 0
    _lock: Lock = field(default_factory=Lock)

    def record(self, entry: Entry, body: Fields) -> None:
        """Record a refused decision, or count it."""
        left_out = self._before(entry.now)
        if left_out is not None:
            counted: Fields = {"left_out": left_out} if left_out else {}
            entry.record("console", "decision-refused", None, body | counted)

    def _before(self, now: datetime) -> int | None:
        """Return how many were left out before one that is to be recorded; None for another."""
        with self._lock:
            if now - self._since >= WINDOW:
                self._since, self._recorded = now, 0
            if self._recorded >= self.most:
                self._left_out += 1
                return None
            left_out, self._left_out = self._left_out, 0
            self._recorded += 1
            return left_out
