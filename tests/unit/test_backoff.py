"""Backoff: how waits grow, where they stop, what jitter and Retry-After do to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartet.resilience.backoff import Backoff

BACKOFF = Backoff(first=0.5, most=10.0, attempts=8)
draws = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("failures", "least", "most"),
    [(1, 0.25, 0.5), (2, 0.5, 1.0), (3, 1.0, 2.0), (5, 4.0, 8.0), (6, 5.0, 10.0), (60, 5.0, 10.0)],
)
def test_a_wait_doubles_up_to_its_most(failures: int, least: float, most: float) -> None:
    assert BACKOFF.wait(failures, 0.0) == least
    assert BACKOFF.wait(failures, 1.0) == most


@given(st.integers(1, 1000), draws)
def test_jitter_stays_in_the_upper_half(failures: int, draw: float) -> None:
    full = BACKOFF.wait(failures, 1.0)

    assert full / 2 <= BACKOFF.wait(failures, draw) <= full


@given(st.integers(1, 100), draws, st.floats(0, 1e6))
def test_a_retry_after_is_never_cut_short(failures: int, draw: float, after: float) -> None:
    wait = BACKOFF.wait(failures, draw, after)

    assert wait >= after
    assert wait == max(after, BACKOFF.wait(failures, draw))


def test_tries_are_spent_after_so_many_failures() -> None:
    assert [BACKOFF.spent(n) for n in (1, 7, 8, 9)] == [False, False, True, True]
