"""Invoices whose sums hold and whose amount due nothing explains (V10): a person decides."""

import pytest

from tests.suite.client import Client
from tests.suite.invoices import clean_invoice, outcome

pytestmark = pytest.mark.runtime
DUE = b'<cbc:PayableAmount currencyID="EUR">97.77<'
ASKED = b'<cbc:PayableAmount currencyID="EUR">10000.00<'
EDITS = {
    "a rounding of 9902.23": (
        (
            DUE,
            b'<cbc:PayableRoundingAmount currencyID="EUR">9902.23</cbc:PayableRoundingAmount>'
            + ASKED,
        ),
    ),
    "a prepaid amount below zero": (
        (DUE, b'<cbc:PrepaidAmount currencyID="EUR">-9902.23</cbc:PrepaidAmount>' + ASKED),
    ),
    "900 % VAT": (
        (b"<cbc:Percent>19<", b"<cbc:Percent>900<"),
        (b">15.61<", b">739.44<"),
        (b">97.77<", b">821.60<"),
    ),
}
"""The clean sample, over 82.16 net and 97.77 in all, with another amount due that its sums bear
out; a place that is not found is a fault of the test."""


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS.keys())
def test_an_amount_due_that_its_order_does_not_explain_waits_for_a_person(
    client: Client, edits: tuple[tuple[bytes, bytes], ...]
) -> None:
    content = clean_invoice()
    for old, new in edits:
        assert old in content
        content = content.replace(old, new)

    task = client.pay(content, batch="amounts")

    view = client.settled(task)
    assert outcome(view) == "held", view
    told = client.operate("list_payments")
    assert isinstance(told, dict)
    assert f"{task}/" not in str(told["payments"])


def test_the_same_invoice_as_it_was_is_paid_without_a_person(client: Client) -> None:
    assert outcome(client.settled(client.pay(clean_invoice(), batch="amounts"))) == "scheduled"
