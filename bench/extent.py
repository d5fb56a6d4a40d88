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
    turns: int
    """Batches with the gate governing, and as many with it open."""
    batch: int
    """Tasks in each: as many as there are samples, all clean, so that both gates do the same."""
    gate_calls: int
    held: int
    """Tasks that wait for a person at once."""


FULL = Extent(
    command="make bench",
    rounds=60,
    at_once=200,
    slow=15,
    widths=((1, 5), (3, 5), (12, 3), (100, 1)),
    written=20,
    idle_s=5.0,
    starts=True,
    turns=4,
    batch=19,
    gate_calls=5000,
    held=1000,
)
QUICK = Extent(
    command="python -m bench --quick",
    rounds=2,
    at_once=4,
    slow=1,
    widths=((1, 1), (3, 1)),
    written=1,
    idle_s=0.5,
    starts=False,
    turns=1,
    batch=3,
    gate_calls=200,
    held=4,
)
