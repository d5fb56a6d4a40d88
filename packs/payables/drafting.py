"""A sample document before it is written in a syntax, with right totals unless told otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from packs.payables.en16931 import ZERO, rounded
from packs.payables.master import Company, OrderLine, Vendor


@dataclass(frozen=True)
class DraftLine:
    """One line: what the order says, with the quantity and price that are billed."""

    item: OrderLine
    quantity: Decimal
    price: Decimal
    description: str = ""

    @property
    def net(self) -> Decimal:
        """Quantity x price, in cents."""
        return rounded(self.quantity * self.price)


@dataclass(frozen=True)
class Draft:
    """One document; `misstated` is added to the totals of those names (lines, net, vat, ...)."""

    number: str
    issued: date
    due: date
    currency: str
    seller: Vendor
    buyer: Company
    lines: tuple[DraftLine, ...]
    order: str | None = None
    account: str = ""
    notes: tuple[str, ...] = ()
    credits_number: str | None = None
    misstated: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def is_credit(self) -> bool:
        """Whether this is a credit note."""
        return self.credits_number is not None

    def vat(self) -> tuple[tuple[Decimal, Decimal, Decimal], ...]:
        """Give (rate, basis, tax) per VAT rate."""
        rates = sorted({line.item.vat_rate for line in self.lines})
        bases = [
            sum((line.net for line in self.lines if line.item.vat_rate == rate), ZERO)
            for rate in rates
        ]
        return tuple(
            (rate, basis, rounded(basis * rate / 100))
            for rate, basis in zip(rates, bases, strict=True)
        )

    def totals(self) -> dict[str, Decimal]:
        """Give lines, net, vat, gross and payable as the document states them."""
        net = sum((line.net for line in self.lines), ZERO)
        vat = sum((tax for _, _, tax in self.vat()), ZERO)
        right = {"lines": net, "net": net, "vat": vat, "gross": net + vat, "payable": net + vat}
        return {name: amount + self.misstated.get(name, ZERO) for name, amount in right.items()}
