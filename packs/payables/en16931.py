"""The arithmetic of EN 16931: what an invoice states against what its own figures give.

Rounding is half up, away from zero, to two places. The rules are exact as the standard words them;
the official validators let BR-CO-17 be off by less than one unit, this pack does not, since whoever
pays wants to see it. The line rule (PEPPOL-EN16931-R120) has its own tolerance of 0.02.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext

from packs.payables.invoice import Adjustment, Invoice, Line, Part, VatGroup

CENT = Decimal("0.01")
LINE_TOLERANCE = Decimal("0.02")
ZERO = Decimal(0)
# The rule for the basis of a VAT category, by category code; those of `_BY_RATE` hold per rate.
# These are all the categories there are (UNTDID 5305 as EN 16931 takes it); the standard has no
# rule of its own for the basis of B.
_BASIS_RULES = {
    "S": "BR-S-08",
    "Z": "BR-Z-08",
    "E": "BR-E-08",
    "AE": "BR-AE-08",
    "K": "BR-IC-08",
    "G": "BR-G-08",
    "O": "BR-O-08",
    "L": "BR-AF-08",
    "M": "BR-AG-08",
    "B": "BG-23",
}
_BY_RATE = frozenset({"S", "L", "M", "B"})
KNOWN = ", ".join(_BASIS_RULES)
_WITHOUT_TAX = frozenset(_BASIS_RULES) - _BY_RATE


class Finding(Part):
    """One broken rule: what it says, what the document's own figures give, what it states."""

    rule: str
    says: str
    expected: str
    stated: str


def rounded(value: Decimal) -> Decimal:
    """Round to two places, half away from zero."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def arithmetic(invoice: Invoice) -> tuple[Finding, ...]:
    """Check decimals, lines, VAT and totals; an empty tuple means that all of it holds."""
    with localcontext() as context:
        context.prec = 60
        return (
            *_decimals(invoice),
            *(finding for line in invoice.lines for finding in _line(line)),
            *_sums(invoice),
            *_vat(invoice),
            *_totals(invoice),
        )


def line_net(line: Line) -> Decimal:
    """Give quantity x price / base quantity - allowances + charges, unrounded."""
    allowances, charges = _allowed_and_charged(line.adjustments)
    return line.quantity * line.unit_price / line.base_quantity - allowances + charges


def _line(line: Line) -> Iterator[Finding]:
    if line.base_quantity <= ZERO:
        yield Finding(
            rule="PEPPOL-EN16931-R121",
            says=f"line {line.id}: base quantity (BT-149) is above zero",
            expected="above 0",
            stated=f"{line.base_quantity:f}",
        )
        return
    expected = line_net(line)
    if abs(expected - line.net) > LINE_TOLERANCE:
        yield _differs(
            "PEPPOL-EN16931-R120",
            f"line {line.id}: net (BT-131) = quantity x price / base quantity"
            " - allowances + charges, within 0.02",
            expected,
            line.net,
        )


def _sums(invoice: Invoice) -> Iterator[Finding]:
    totals = invoice.totals
    allowances, charges = _allowed_and_charged(invoice.adjustments)
    yield from _equal(
        "BR-CO-10",
        "BT-106 = sum of line nets (BT-131)",
        sum((line.net for line in invoice.lines), ZERO),
        totals.lines,
    )
    yield from _equal(
        "BR-CO-11",
        "BT-107 = sum of document allowances (BT-92)",
        allowances,
        totals.allowances,
    )
    yield from _equal(
        "BR-CO-12", "BT-108 = sum of document charges (BT-99)", charges, totals.charges
    )


def _totals(invoice: Invoice) -> Iterator[Finding]:
    totals = invoice.totals
    yield from _equal(
        "BR-CO-13",
        "BT-109 = BT-106 - BT-107 + BT-108",
        totals.lines - (totals.allowances or ZERO) + (totals.charges or ZERO),
        totals.net,
    )
    yield from _equal(
        "BR-CO-15", "BT-112 = BT-109 + BT-110", totals.net + (totals.vat or ZERO), totals.gross
    )
    yield from _equal(
        "BR-CO-16",
        "BT-115 = BT-112 - BT-113 + BT-114",
        totals.gross - (totals.paid or ZERO) + (totals.rounding or ZERO),
        totals.payable,
    )


def _vat(invoice: Invoice) -> Iterator[Finding]:
    if not invoice.vat:
        yield Finding(
            rule="BR-CO-18",
            says="at least one VAT breakdown (BG-23)",
            expected="1 or more",
            stated="0",
        )
        return
    yield from _equal(
        "BR-CO-14",
        "BT-110 = sum of VAT category amounts (BT-117)",
        sum((group.tax for group in invoice.vat), ZERO),
        invoice.totals.vat,
    )
    yield from _categories(invoice.vat)
    parts: tuple[Line | Adjustment, ...] = (*invoice.lines, *invoice.adjustments)
    for part in parts:
        yield from _category(part)
    for group in invoice.vat:
        yield from _equal(
            "BR-CO-17",
            f"VAT {_named(group)}: BT-117 = BT-116 x BT-119 / 100, rounded to two places",
            rounded(group.basis * (group.rate or ZERO) / 100),
            group.tax,
        )
        yield from _basis(invoice, group)


def _categories(groups: Sequence[VatGroup]) -> Iterator[Finding]:
    """Check that each category of the breakdown is known, is there once and taxes as it may.

    A row that were there twice would be taxed twice: each has the basis that it should.
    """
    for (category, _), count in Counter(map(_row, groups)).items():
        if category not in _BASIS_RULES:
            yield _unlike("BR-CL-17", "VAT category (BT-118) is known", KNOWN, category)
        elif count > 1:
            says = f"VAT {category}: one row of the breakdown for a category and rate"
            yield _unlike("BG-23", says, "1", str(count))
    for group in groups:
        if group.category in _WITHOUT_TAX and (group.rate or group.tax):
            rule = _BASIS_RULES[group.category].replace("-08", "-09")
            stated = f"{group.tax:f} at {group.rate or ZERO:f}%"
            yield _unlike(rule, f"VAT {group.category}: no tax and no rate", "0.00 at 0%", stated)


def _category(part: Line | Adjustment) -> Iterator[Finding]:
    """Check that the category of a line or adjustment is known, and has a rate only if it may."""
    category = part.vat_category
    if category is not None and category not in _BASIS_RULES:
        yield _unlike("BR-CL-18", "VAT category (BT-151) is known", KNOWN, category)
    elif category in _WITHOUT_TAX and part.vat_rate:
        rule = _BASIS_RULES[category].replace("-08", "-05")
        says = f"VAT {category}: no rate on a line, allowance or charge"
        yield _unlike(rule, says, "0", f"{part.vat_rate:f}")


def _row(group: VatGroup) -> tuple[str, Decimal]:
    """Return what tells the rows of a VAT breakdown apart."""
    return group.category, (group.rate or ZERO) if group.category in _BY_RATE else ZERO


def _basis(invoice: Invoice, group: VatGroup) -> Iterator[Finding]:
    """Lines and document adjustments of a VAT category add up to its stated basis."""
    rule = _BASIS_RULES.get(group.category)
    if rule is None:
        return

    def belongs(part: Line | Adjustment) -> bool:
        same_rate = group.category not in _BY_RATE or (part.vat_rate or ZERO) == (
            group.rate or ZERO
        )
        return part.vat_category == group.category and same_rate

    allowances, charges = _allowed_and_charged(filter(belongs, invoice.adjustments))
    nets = sum((line.net for line in invoice.lines if belongs(line)), ZERO)
    yield from _equal(
        rule,
        f"VAT {_named(group)}: BT-116 = nets - allowances + charges of that category",
        nets - allowances + charges,
        group.basis,
    )


def _decimals(invoice: Invoice) -> Iterator[Finding]:
    """BR-DEC: amounts have at most two places."""
    totals = invoice.totals
    stated = [
        ("BR-DEC-09", "BT-106", totals.lines),
        ("BR-DEC-10", "BT-107", totals.allowances),
        ("BR-DEC-11", "BT-108", totals.charges),
        ("BR-DEC-12", "BT-109", totals.net),
        ("BR-DEC-13", "BT-110", totals.vat),
        ("BR-DEC-14", "BT-112", totals.gross),
        ("BR-DEC-16", "BT-113", totals.paid),
        ("BR-DEC-17", "BT-114", totals.rounding),
        ("BR-DEC-18", "BT-115", totals.payable),
        *(("BR-DEC-19", "BT-116", group.basis) for group in invoice.vat),
        *(("BR-DEC-20", "BT-117", group.tax) for group in invoice.vat),
        *(("BR-DEC-23", "BT-131", line.net) for line in invoice.lines),
        *_adjusted(invoice.adjustments, ("BR-DEC-01", "BT-92"), ("BR-DEC-05", "BT-99")),
        *(
            found
            for line in invoice.lines
            for found in _adjusted(
                line.adjustments, ("BR-DEC-24", "BT-136"), ("BR-DEC-27", "BT-141")
            )
        ),
    ]
    for rule, term, amount in stated:
        if amount is not None and amount != rounded(amount):
            yield _differs(rule, f"{term} has at most two decimals", rounded(amount), amount)


def _adjusted(
    adjustments: Iterable[Adjustment], allowance: tuple[str, str], charge: tuple[str, str]
) -> Iterator[tuple[str, str, Decimal]]:
    for adjustment in adjustments:
        rule, term = charge if adjustment.charge else allowance
        yield rule, term, adjustment.amount


def _allowed_and_charged(adjustments: Iterable[Adjustment]) -> tuple[Decimal, Decimal]:
    known = tuple(adjustments)
    allowances = sum((one.amount for one in known if not one.charge), ZERO)
    return allowances, sum((one.amount for one in known if one.charge), ZERO)


def _equal(rule: str, says: str, expected: Decimal, stated: Decimal | None) -> Iterator[Finding]:
    """Compare exactly; an amount not stated counts as zero."""
    if expected != (stated or ZERO):
        yield _differs(rule, says, expected, stated)


def _differs(rule: str, says: str, expected: Decimal, stated: Decimal | None) -> Finding:
    return Finding(
        rule=rule,
        says=says,
        expected=f"{rounded(expected):f}",
        stated="not stated" if stated is None else f"{stated:f}",
    )


def _unlike(rule: str, says: str, expected: str, stated: str) -> Finding:
    return Finding(rule=rule, says=says, expected=expected, stated=stated)


def _named(group: VatGroup) -> str:
    return f"{group.category} {group.rate:f}%" if group.rate is not None else group.category
