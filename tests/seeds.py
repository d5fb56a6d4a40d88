"""The seed of this run of the tests: printed, and the same in every process of the run."""

import os
from secrets import randbelow

NAME = "QUARTET_TEST_SEED"


def run_seed() -> int:
    """Return the seed; the first process of a run draws it unless it is given."""
    return int(os.environ.setdefault(NAME, str(randbelow(1_000_000))))


def named(value: object) -> str:
    """Return how a test's argument is named: a set in its order, the same in every process."""
    return str(sorted(value) if isinstance(value, set) else value)[:60]
