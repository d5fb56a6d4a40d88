"""An amount due that order and receipt do not explain is never clear, and never confirmed."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from packs.payables.books import MasterData, load_books
from packs.payables.en16931 import rounded
from packs.payables.invoice import Invoice, Totals, VatGroup
from packs.payables.matching import Match, match
from packs.payables.paying import SchedulePayment
from quartet.contracts.base import Fields
from quartet.packs.load import load
from services.toolbox.ledger import Books, Entry, open_ledger
from tests.unit.toolbox_desk import (
    Desk,
    credit_note,
    invoice,
    master,
    opened,
    order,
    propose,
    result,
    task,
)


@pytest.fixture
def entry(tmp_path: Path) -> Iterator[Entry]:
    """A ledger with an order of 1000 units at 100.00, with no VAT rate, all received."""
    ledger = open_ledger(f"sqlite:///{tmp_path / 'l.db'}", tmp_path, load("payables"))
    with ledger.write() as entry:
        load_books(MasterData.model_validate(master()), Books(entry))
        yield entry
    ledger.close()


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A toolbox with the same."""
    with opened(ledger_url, tmp_path) as desk:
        yield desk
        assert desk.problems() == ()


def taxed(  # noqa: PLR0913 - what a document states of itself
    rate: str = "19",
    category: str = "S",
    rows: int = 1,
    paid: str | None = None,
    rounding: str | None = None,
    like: Callable[..., Invoice] = invoice,
) -> Invoice:
    """An invoice over one unit whose totals all follow from what it states itself."""
    plain = like()
    (line,), net, percent = plain.lines, plain.totals.net, Decimal(rate)
    tax = rounded(net * percent / 100)
    gross = net + tax * rows
    changes = (-Decimal(paid or 0), Decimal(rounding or 0))
    totals = Totals(
        lines=net,
        net=net,
        vat=tax * rows,
        gross=gross,
        paid=None if paid is None else Decimal(paid),
        rounding=None if rounding is None else Decimal(rounding),
        payable=gross + sum(changes),
    )
    row = VatGroup(basis=net, tax=tax, category=category, rate=percent)
    stated = line.model_copy(update={"vat_category": category, "vat_rate": percent})
    return plain.model_copy(update={"lines": (stated,), "vat": (row,) * rows, "totals": totals})


def matched(desk: Desk, content: Invoice, number: int = 1) -> Match:
    reference = desk.matched(task(number), content)
    return Match.model_validate(desk.value(task(number), reference.removeprefix("$")).content)


def with_rate(rate: str) -> Fields:
    """Master data whose order lines have this VAT rate."""
    books = master()
    orders = books["orders"]
    assert isinstance(orders, list)
    for one in orders:
        assert isinstance(one, dict)
        assert isinstance(one["lines"], list)
        one["lines"] = [
            line | {"vat_rate": rate} for line in one["lines"] if isinstance(line, dict)
        ]
    return books


@pytest.mark.parametrize("like", [invoice, credit_note])
@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"rounding": "9881.00"}, "the rounding of 9881.00 is more than 1.00"),
        ({"rounding": "-1.01"}, "the rounding of -1.01 is more than 1.00"),
        ({"paid": "-9881.00"}, "the prepaid amount of -9881.00 is not between 0"),
        ({"rate": "900"}, "line 1 asks for 900 % VAT, the most is 27 %"),
        ({"rate": "27.01"}, "27.01 % VAT is asked for, the most is 27 %"),
        ({"rate": "900", "category": "X"}, "the stated totals do not follow from the lines"),
        ({"rate": "19", "category": "s"}, "the stated totals do not follow from the lines"),
        ({"rate": "19", "category": "AE"}, "the stated totals do not follow from the lines"),
        ({"rows": 90}, "the stated totals do not follow from the lines"),
    ],
)
def test_an_amount_due_made_up_by_what_the_document_states_of_itself_is_never_clear(
    entry: Entry, like: Callable[..., Invoice], stated: dict[str, str], says: str
) -> None:
    found = match(taxed(**stated, like=like), entry.session)  # type: ignore[arg-type]

    assert not found.clear
    assert any(reason.startswith(says) for reason in found.reasons), found.reasons


def test_a_match_with_an_amount_made_up_cannot_be_scheduled(
    desk: Desk,
) -> None:
    of = desk.matched(task(1), taxed(rounding="9881.00"))

    problem = desk.refused(order(task(1), result(propose("schedule_payment", match=of))), 422)

    assert "the rounding of 9881.00 is more than 1.00" in str(problem["detail"])
    assert desk.operate("list_payments")["payments"] == []


@pytest.mark.parametrize("like", [invoice, credit_note])
@pytest.mark.parametrize(
    "stated",
    [
        {"rounding": "1.00"},
        {"rounding": "-1.00"},
        {"paid": "19.00"},
        {"rate": "27"},
        {"rate": "0", "category": "AE"},
        {"rate": "22", "category": "B"},
    ],
)
def test_what_invoices_may_state_of_themselves_is_clear(
    entry: Entry, like: Callable[..., Invoice], stated: dict[str, str]
) -> None:
    assert match(taxed(**stated, like=like), entry.session).reasons == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(("rate", "clear"), [("7", True), ("0", True), ("7.01", False)])
def test_the_vat_rate_is_at_most_that_of_the_order_line_where_the_master_has_one(
    entry: Entry,
    rate: str,
    clear: bool,  # noqa: FBT001 - a table of cases
) -> None:
    load_books(MasterData.model_validate(with_rate("7")), Books(entry))

    assert match(taxed(rate), entry.session).clear is clear


def test_a_vat_rate_below_zero_on_a_negative_line_adds_nothing(entry: Entry) -> None:
    whole = taxed("0")
    (line,) = whole.lines
    up = line.model_copy(update={"quantity": Decimal(11), "net": Decimal("1100.00")})
    back = {"id": "2", "quantity": Decimal(-10), "net": Decimal("-1000.00")}
    down = line.model_copy(update=back | {"vat_rate": Decimal(-19)})
    rows = (
        VatGroup(basis=up.net, tax=Decimal(0), category="S", rate=Decimal(0)),
        VatGroup(basis=down.net, tax=Decimal(190), category="S", rate=Decimal(-19)),
    )
    net, gross = Decimal(100), Decimal(290)
    totals = Totals(lines=net, net=net, vat=gross - net, gross=gross, payable=gross)

    found = match(
        whole.model_copy(update={"lines": (up, down), "vat": rows, "totals": totals}),
        entry.session,
    )

    assert (found.arithmetic_holds, found.clear) == (True, False)
    assert any(reason.startswith("line 2 asks for -19 % VAT") for reason in found.reasons)


def test_a_dear_line_of_a_high_rate_beside_a_credited_one_of_none_is_not_clear(
    entry: Entry,
) -> None:
    whole = taxed("0")
    (line,) = whole.lines
    up = line.model_copy(
        update={"quantity": Decimal(100), "net": Decimal(10_000), "vat_rate": Decimal(27)}
    )
    down = line.model_copy(update={"id": "2", "quantity": Decimal(-99), "net": Decimal(-9900)})
    rows = (
        VatGroup(basis=up.net, tax=Decimal(2700), category="S", rate=Decimal(27)),
        VatGroup(basis=down.net, tax=Decimal(0), category="S", rate=Decimal(0)),
    )
    net, gross = Decimal(100), Decimal(2800)
    totals = Totals(lines=net, net=net, vat=gross - net, gross=gross, payable=gross)

    found = match(
        whole.model_copy(update={"lines": (up, down), "vat": rows, "totals": totals}),
        entry.session,
    )

    assert "the amount due, 2800.00, is above its net total with VAT, 128.00" in found.reasons


@pytest.mark.parametrize(("due", "confirmed"), [("128.00", True), ("128.01", False)])
def test_the_gate_confirms_no_amount_that_the_ledger_does_not_explain_whatever_the_match_says(
    desk: Desk,
    due: str,
    confirmed: bool,  # noqa: FBT001 - a table of cases
) -> None:
    found = matched(desk, invoice()).model_copy(update={"amount_due": Decimal(due)})
    effect = desk.pack.tools["schedule_payment"].effect
    assert effect is not None
    (amount,) = [one for one in effect.critical if one.path == "match.amount_due"]
    assert amount.confirm is not None

    with desk.ledger.write() as entry:
        try:
            holds = amount.confirm(SchedulePayment(match=found), Books(entry))
        except Exception as error:  # noqa: BLE001 - what it says is looked at
            holds = "is above its net total with VAT" not in str(error)

    assert holds is confirmed


def test_many_small_invoices_with_roundings_ask_for_no_more_than_their_order(desk: Desk) -> None:
    desk.operate("load_books", master(received="0.02"))
    tiny = {"quantity": Decimal("0.0001"), "net": Decimal("0.01")}

    def rounding_up(number: str) -> Invoice:
        whole = invoice(number)
        line = whole.lines[0].model_copy(update=tiny)
        net = Decimal("0.01")
        totals = Totals(lines=net, net=net, gross=net + 1, rounding=None, payable=net + 1)
        totals = totals.model_copy(update={"gross": net, "rounding": Decimal("1.00")})
        row = whole.vat[0].model_copy(update={"basis": net})
        return whole.model_copy(update={"lines": (line,), "vat": (row,), "totals": totals})

    paid = [desk.pay(task(n), rounding_up(f"R-{n}")).status for n in (1, 2, 3)]
    last = matched(desk, rounding_up("R-4"), 4)

    assert paid == ["applied"] * 3
    assert last.reasons[-1] == (
        "the amount due, 1.01, and 3.03 before it, is above what the order gives, 3.59"
    )


def test_an_order_in_another_currency_than_its_vendors_explains_nothing(entry: Entry) -> None:
    books = master()
    assert isinstance(books["orders"], list)
    assert isinstance(books["orders"][0], dict)
    books["orders"][0]["currency"] = "HUF"
    load_books(MasterData.model_validate(books), Books(entry))

    assert not match(invoice(), entry.session).order_open
