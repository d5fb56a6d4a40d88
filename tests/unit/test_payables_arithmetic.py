from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packs.payables.en16931 import arithmetic, rounded
from packs.payables.invoice import Adjustment, Invoice, Line, Party, Totals, VatGroup
from packs.payables.reading import read
from tests.unit.einvoices import CII, UBL, official

# Official examples that really break a rule, checked by hand in their XML: (rule, line).
GENUINE = {
    # line 20 credits: 6 x 18.33, yet net -109.98 (the quantity has lost its minus sign)
    "ubl/en16931-example1.xml": {("PEPPOL-EN16931-R120", "20")},
    "cii/en16931-example1.xml": {("PEPPOL-EN16931-R120", "20")},
    # line 1: quantity 2 x 1273.00, yet net 1273.00 (its CII sister has quantity 1)
    "ubl/en16931-example2.xml": {("PEPPOL-EN16931-R120", "1")},
    # every line repeats the price as base quantity: 1 x 1273 / 1273, yet net 1273
    "cii/en16931-example2.xml": {("PEPPOL-EN16931-R120", str(line)) for line in range(1, 6)},
    # lines 1 and 2: quantity 2 x 800.00, yet net 800.00
    "ubl/en16931-example3.xml": {("PEPPOL-EN16931-R120", "1"), ("PEPPOL-EN16931-R120", "2")},
}
CENTS = st.integers(-10_000_000, 10_000_000).map(lambda cents: Decimal(cents) / 100)
POSITIVE = st.integers(1, 1_000_000).map(lambda cents: Decimal(cents) / 100)
RATES = st.sampled_from([Decimal(rate) for rate in ("5.5", "7", "19", "21", "25")])


@pytest.mark.parametrize("name", UBL + CII)
def test_official_examples_give_no_false_finding(name: str) -> None:
    findings = arithmetic(read(official(name)))

    found = {(each.rule, each.says.split(":")[0].removeprefix("line ")) for each in findings}
    assert found == GENUINE.get(name, set())


def test_half_a_cent_rounds_away_from_zero() -> None:
    assert rounded(Decimal("0.005")) == Decimal("0.01")
    assert rounded(Decimal("-0.005")) == Decimal("-0.01")
    assert rounded(Decimal("156435.885")) == Decimal("156435.89")


def invoice(
    nets: list[tuple[Decimal, Decimal]], adjustments: list[tuple[bool, Decimal, Decimal]]
) -> Invoice:
    """Build a right invoice from (net, rate) of lines and (is charge, amount, rate)."""
    lines = [
        Line(
            id=str(number),
            name="thing",
            quantity=Decimal(1),
            unit_price=net,
            net=net,
            vat_category="S",
            vat_rate=rate,
        )
        for number, (net, rate) in enumerate(nets, start=1)
    ]
    changes = [
        Adjustment(charge=charge, amount=amount, vat_category="S", vat_rate=rate)
        for charge, amount, rate in adjustments
    ]
    groups = []
    for rate in sorted({rate for _, rate in nets} | {rate for _, _, rate in adjustments}):
        basis = sum((net for net, its in nets if its == rate), Decimal(0))
        basis += sum((a if charge else -a for charge, a, its in adjustments if its == rate))
        groups.append(
            VatGroup(basis=basis, tax=rounded(basis * rate / 100), category="S", rate=rate)
        )
    total = sum((net for net, _ in nets), Decimal(0))
    allowances = sum((a for charge, a, _ in adjustments if not charge), Decimal(0))
    charges = sum((a for charge, a, _ in adjustments if charge), Decimal(0))
    vat = sum((group.tax for group in groups), Decimal(0))
    net = total - allowances + charges
    return Invoice(
        syntax="cii",
        kind="invoice",
        type_code="380",
        number="1",
        issue_date=date(2026, 11, 1),
        currency="EUR",
        seller=Party(name="Seller"),
        buyer=Party(name="Buyer"),
        lines=tuple(lines),
        adjustments=tuple(changes),
        vat=tuple(groups),
        totals=Totals(
            lines=total,
            allowances=allowances,
            charges=charges,
            net=net,
            vat=vat,
            gross=net + vat,
            payable=net + vat,
        ),
    )


INVOICES = st.builds(
    invoice,
    st.lists(st.tuples(CENTS, RATES), min_size=1, max_size=8),
    st.lists(st.tuples(st.booleans(), POSITIVE, RATES), max_size=4),
)


@given(INVOICES)
def test_a_right_invoice_has_no_findings(right: Invoice) -> None:
    assert arithmetic(right) == ()


@given(
    INVOICES,
    st.sampled_from(["lines", "allowances", "charges", "net", "vat", "gross", "payable"]),
    POSITIVE,
)
def test_any_misstated_total_is_found(right: Invoice, field: str, off: Decimal) -> None:
    stated = getattr(right.totals, field) + off
    wrong = right.model_copy(update={"totals": right.totals.model_copy(update={field: stated})})

    rules = {finding.rule for finding in arithmetic(wrong)}

    assert (
        rules
        & {
            "lines": {"BR-CO-10"},
            "allowances": {"BR-CO-11"},
            "charges": {"BR-CO-12"},
            "net": {"BR-CO-13"},
            "vat": {"BR-CO-14"},
            "gross": {"BR-CO-15"},
            "payable": {"BR-CO-16"},
        }[field]
    )


@given(INVOICES, POSITIVE)
def test_a_misstated_line_net_is_found_beyond_two_cents(right: Invoice, off: Decimal) -> None:
    first = right.lines[0]
    wrong = right.model_copy(
        update={"lines": (first.model_copy(update={"net": first.net + off}), *right.lines[1:])}
    )

    rules = [finding.rule for finding in arithmetic(wrong)]

    assert ("PEPPOL-EN16931-R120" in rules) == (off > Decimal("0.02"))
    assert "BR-CO-10" in rules


@given(INVOICES, POSITIVE)
def test_a_vat_basis_out_of_thin_air_is_found(right: Invoice, off: Decimal) -> None:
    first = right.vat[0]
    wrong = right.model_copy(
        update={"vat": (first.model_copy(update={"basis": first.basis + off}), *right.vat[1:])}
    )

    assert "BR-S-08" in {finding.rule for finding in arithmetic(wrong)}


def changed(**changes: Any) -> Invoice:
    return invoice([(Decimal("100.00"), Decimal(19))], []).model_copy(update=changes)


def totals(**changes: Decimal | None) -> Totals:
    return changed().totals.model_copy(update=changes)


def categorised(row: str, line: str = "S", rows: int = 1) -> Invoice:
    """An invoice of 19 % VAT whose breakdown and line name these categories."""
    plain = changed()
    one = plain.vat[0].model_copy(update={"category": row})
    return changed(
        vat=(one,) * rows,
        lines=(plain.lines[0].model_copy(update={"vat_category": line}),),
    )


CASES: dict[str, Callable[[], Invoice]] = {
    "BR-CL-17": lambda: categorised("X", "X"),
    "BR-CL-18": lambda: categorised("S", "X"),
    "BG-23": lambda: categorised("S", rows=2),
    "BR-AE-09": lambda: categorised("AE", "AE"),
    "BR-Z-05": lambda: categorised("S", "Z"),
    "BR-CO-18": lambda: changed(vat=(), totals=totals(vat=None)),
    "BR-CO-17": lambda: changed(
        vat=(VatGroup(basis=Decimal(100), tax=Decimal("19.01"), category="S", rate=Decimal(19)),),
        totals=totals(vat=Decimal("19.01"), gross=Decimal("119.01"), payable=Decimal("119.01")),
    ),
    "BR-CO-16": lambda: changed(totals=totals(paid=Decimal("19.00"))),
    "BR-DEC-18": lambda: changed(totals=totals(payable=Decimal("119.004"))),
    "PEPPOL-EN16931-R121": lambda: changed(
        lines=(changed().lines[0].model_copy(update={"base_quantity": Decimal(0)}),)
    ),
}


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_names_itself_with_what_it_expected(rule: str) -> None:
    found = [finding for finding in arithmetic(CASES[rule]()) if finding.rule == rule]

    assert len(found) == 1
    assert found[0].says
    assert found[0].expected != found[0].stated


def test_prepaid_and_rounding_count_into_what_is_payable() -> None:
    paid = totals(paid=Decimal("19.50"), rounding=Decimal("0.50"), payable=Decimal("100.00"))

    assert arithmetic(changed(totals=paid)) == ()


def test_a_price_per_hundred_is_divided() -> None:
    line = (
        changed()
        .lines[0]
        .model_copy(
            update={
                "quantity": Decimal("250"),
                "unit_price": Decimal("40.00"),
                "base_quantity": Decimal("100"),
            }
        )
    )

    assert arithmetic(changed(lines=(line,))) == ()
