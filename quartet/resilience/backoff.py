"""How long to wait before a retry: exponential with jitter; the random draw is an argument."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Waits in seconds: ``first`` doubling up to ``most``, for at most ``attempts`` tries."""

    first: float = 0.5
    most: float = 10.0
    attempts: int = 8

    def wait(self, failures: int, draw: float, at_least: float | None = None) -> float:
        """Return the seconds before the next try after so many failures (1 and up).

        ``draw`` in [0, 1) spreads the wait over its upper half; ``at_least`` is a Retry-After.
        """
        full = min(self.most, self.first * 2.0 ** min(failures - 1, 60))
        return max(full / 2 + draw * full / 2, at_least or 0.0)

    def spent(self, failures: int) -> bool:
        """Return whether no try is left after so many failures."""
        return failures >= self.attempts
