"""How much one run of the bench measures; how is elsewhere."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    command: str
    rounds: int
    at_once: int
    slow: int
    """Tasks with a provider that takes its time."""
    widths: tuple[tuple[int, int], ...]
    """Widths of plans, and how many tasks of each."""
    written: int
    idle_s: float
    starts: bool
    """Whether starting is measured too, on suites of their own."""


FULL = Extent("make bench", 60, 200, 15, ((1, 5), (3, 5), (12, 3), (100, 1)), 20, 5.0, starts=True)
QUICK = Extent("python -m bench --quick", 2, 4, 1, ((1, 1), (3, 1)), 1, 0.5, starts=False)
