"""Amounts and names that are none are refused before the policy sees them."""

from decimal import Decimal
from typing import Any

import pytest

from packs.refunds.refunding import RefundOrder
from quartet.packs.amount import Amount
from quartet.packs.load import load
from quartet.packs.tool import Tool
from quartet.resilience.failures import RetryChanged

REFUND: Tool = load("refunds").tools["refund_order"]
ORDER = {
    "number": "O-1001",
    "found": True,
    "customer": "C-1",
    "currency": "EUR",
    "paid": "900.00",
    "left": "900.00",
}
REQUEST = {
    "order_number": "O-1001",
    "amount": "50.00",
    "currency": "EUR",
    "clear": True,
    "says": "one order and one amount",
}
VALUES: dict[str, Any] = {"val-" + "1" * 16: REQUEST, "val-" + "2" * 16: ORDER}
SENT: dict[str, Any] = {
    "request": "$val-" + "1" * 16,
    "order": "$val-" + "2" * 16,
    "reason": "The lamp came broken.",
}


def checked(sent: dict[str, Any], **request: Any) -> RefundOrder:
    values = VALUES | {"val-" + "1" * 16: REQUEST | request}
    found = REFUND.check(sent, values.__getitem__)
    assert isinstance(found, RefundOrder)
    return found


def test_an_amount_in_normal_form_is_taken() -> None:
    assert checked(SENT, amount="1200.00").amount == Decimal("1200.00")


@pytest.mark.parametrize(
    "amount",
    [
        *("-5.00", "0.00", "0", "5", "5.0", "05.00", "+5.00", " 5.00", "5.00 ", "5,00", "1,200.00"),
        *("49.999", "50.00000001", "NaN", "Infinity", "-Infinity", "1e309", "1E2", "0x10", ""),
        *("\uff15.00", "5\u200b0.00", "5\u00a00.00", "\u0665.00", "9999999999999.00", "5.00\n"),
        *(5, 5.0, -5, 0, float("nan"), float("inf"), True, ["5.00"], {"value": "5.00"}),
    ],
)
def test_an_amount_in_any_other_form_is_refused(amount: Any) -> None:
    with pytest.raises(RetryChanged):
        checked(SENT, amount=amount)


@pytest.mark.parametrize(
    "currency", ["eur", "EURO", "XXX", "JPY", "\u0415UR", "EUR ", "", None, 978]
)
def test_a_currency_that_is_none_is_refused(currency: Any) -> None:
    with pytest.raises(RetryChanged):
        checked(SENT, currency=currency)


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": "1.00"},
        {"Reason": "x"},
        {"reas\u043en": "x"},
        {"reason\u200b": "x"},
        {"reason": None},
        {"reason": 5},
        {"reason": ""},
        {"order": None},
        {"order": ORDER},
        {"order": "O-1001"},
        {"request": "$VAL-" + "1" * 16},
        {"request": ["$val-" + "1" * 16]},
    ],
)
def test_arguments_smuggled_past_the_schema_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(RetryChanged):
        checked(SENT | changed)


@pytest.mark.parametrize(
    ("value", "currency", "says"),
    [
        ("0", "EUR", "not above zero"),
        ("-5.00", "EUR", "not above zero"),
        ("NaN", "EUR", "not above zero"),
        ("sNaN", "EUR", "not above zero"),
        ("Infinity", "EUR", "not above zero"),
        ("1e309", "EUR", "not above zero"),
        ("49.999", "EUR", "more than two places"),
        ("50.00000001", "EUR", "more than two places"),
        ("5.00", "eur", "no ISO 4217 currency"),
        ("5.00", "JPY", "no ISO 4217 currency"),
        ("5.00", "\u0415UR", "no ISO 4217 currency"),
    ],
)
def test_the_gate_knows_an_amount_that_a_tool_states_wrongly(
    value: str, currency: str, says: str
) -> None:
    assert says in str(Amount(Decimal(value), currency).fault())


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Refund_Order",
            "refund-order",
            "refund_order ",
            "refund_order\u200b",
            "refund\uff3forder",
        ),
        *("r\u0435fund_order", "refunds.refund_order", "refund", "*", ""),
    ],
)
def test_a_name_that_only_looks_like_a_tools_is_none(name: str) -> None:
    assert name not in load("refunds").tools
