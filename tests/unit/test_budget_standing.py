"""Whether a call fits into an account, as pure logic."""

import pytest

from quartet.contracts.budget import Caps
from services.toolbox.budgets.standing import MEASURES, Standing, Use, nano, usd

NONE: dict[str, int | None] = dict.fromkeys(MEASURES)


def standing(spent: int = 0, reserved: int = 0, soft: int | None = None) -> Standing:
    """An account with room for 100."""
    return Standing(Use(spent), Use(reserved), NONE | {"usd_nano": 100}, soft)


@pytest.mark.parametrize(
    ("at", "more", "fit"),
    [
        (standing(), 100, "fits"),
        (standing(), 101, "exceeded"),
        (standing(60, 30), 10, "fits"),
        (standing(60, 30), 11, "busy"),
        (standing(60, 30), 41, "exceeded"),
        (standing(soft=80), 80, "fits"),
        (standing(soft=80), 81, "asks"),
        (standing(10, 60, soft=80), 11, "busy"),
        (standing(10, 60, soft=80), 71, "busy"),
        (standing(90, soft=80), 0, "fits"),
        (standing(101), 0, "fits"),
    ],
)
def test_a_call_fits_waits_asks_or_ends_the_task(at: Standing, more: int, fit: str) -> None:
    assert at.fit(Use(more, 1, 1))[0] == fit


def test_each_measure_has_its_own_limit() -> None:
    limits = NONE | {"tool_calls": 3}

    assert Standing(Use(tool_calls=3), Use(), limits).fit(Use(tool_calls=1)) == (
        "exceeded",
        "tool_calls",
    )


@pytest.mark.parametrize("text", ["0", "5", "0.000000001", "999999999.999999999", "1.25"])
def test_dollars_are_counted_exactly(text: str) -> None:
    assert usd(nano(text)) == text


def test_a_client_may_ask_for_less_and_never_for_more() -> None:
    most = Caps(cost_usd="5.00", tokens=100)

    assert Caps(cost_usd="6.00", tokens=7).within(most) == Caps(cost_usd="5.00", tokens=7)
    assert Caps(cost_usd="6.00", tokens=7).above(most) == ("cost_usd",)
    assert Caps(tool_calls=3).within(most) == Caps(cost_usd="5.00", tokens=100, tool_calls=3)
    assert Caps().within(most) == most
