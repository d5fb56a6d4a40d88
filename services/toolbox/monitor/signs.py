"""What is unusual in an agent's calls: too many, the same again and again, too dear; pure."""

from dataclasses import dataclass, replace
from typing import Literal

from quartet.contracts.monitor import Finding, Watch

Loop = Literal["calls", "repeats", "burn"]
WEIGHT = 0.2
"""Of the newest minute in the baseline."""
LEARNING = 5
"""Minutes before which a baseline says nothing."""


@dataclass(frozen=True)
class Rate:
    """Calls in one minute, and the exponentially weighted mean of the minutes before it."""

    minute: int
    count: int = 0
    baseline: float = 0.0
    minutes: int = 0

    def after_call(self, minute: int) -> "Rate":
        """Return the rate after one more call; quiet minutes lower the baseline."""
        if minute <= self.minute:
            return replace(self, count=self.count + 1)
        first = self.minutes == 0
        learnt = float(self.count) if first else self._mean(self.baseline, self.count)
        quiet = min(minute - self.minute - 1, 60)
        return Rate(minute, 1, learnt * (1 - WEIGHT) ** quiet, self.minutes + 1 + quiet)

    def finding(self, rules: Watch) -> Finding:
        """Return what this minute says; bursts below the least rate are never unusual."""
        if self.minutes < LEARNING or self.count <= rules.least_per_minute:
            return "fine"
        usual = max(self.baseline, 1.0)
        if self.count > usual * rules.pause_factor:
            return "pause"
        return "warn" if self.count > usual * rules.warn_factor else "fine"

    @staticmethod
    def _mean(baseline: float, count: int) -> float:
        return baseline * (1 - WEIGHT) + count * WEIGHT


def repeated(times: int, rules: Watch) -> Finding:
    """Return what the same call of one attempt for the so-manieth time says."""
    if times >= rules.pause_repeats:
        return "pause"
    return "warn" if times >= rules.warn_repeats else "fine"


def burning(spent: int, limit: int | None, minutes: float, rules: Watch) -> Finding:
    """Return what so much spent in so many minutes says of a day's limit.

    Below half of the limit, or in the first minute, nothing can be said.
    """
    if not limit or minutes < 1 or spent * 2 < limit:
        return "fine"
    left = (limit - spent) / (spent / minutes)
    if left < rules.pause_minutes_left:
        return "pause"
    return "warn" if left < rules.warn_minutes_left else "fine"
