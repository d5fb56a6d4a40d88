"""Invented master data for samples: vendors, orders, receipts, with valid IBANs. No invoices.

Names, VAT ids and accounts belong to nobody; only the IBANs' check digits are real.
"""

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any, Literal

from stdnum import iban

_LENGTHS = {"DE": "n18", "AT": "n16", "NL": "a4n10", "DK": "n14", "IE": "a4n14", "FI": "n14"}
_FORMS = {
    "DE": "GmbH",
    "AT": "GmbH",
    "NL": "B.V.",
    "DK": "A/S",
    "IE": "Limited",
    "FI": "Oy",
}
_VAT_DIGITS = {"DE": 9, "AT": 8, "NL": 9, "DK": 8, "IE": 7, "FI": 8}
_FIRST = ("Nord", "Linden", "Hafen", "Berg", "Falken", "Silber", "Weiden", "Adler", "Stern", "Moor")
_TRADE = ("Papier", "Technik", "Logistik", "Druck", "Energie", "Bau", "Optik", "Metall", "Labor")
_GOODS = (
    "Copy paper A4",
    "Toner cartridge",
    "Label rolls",
    "Shipping boxes",
    "Steel brackets",
    "Cable drums",
    "Safety gloves",
    "Air filters",
    "Hydraulic hoses",
    "Bearing sets",
    "Cleaning agent",
    "Pallet wrap",
)


@dataclass(frozen=True)
class Company:
    """Who pays: the buyer on every invoice and the debtor of the payment file."""

    name: str
    vat_id: str
    country: str
    iban: str
    bic: str


@dataclass(frozen=True)
class Vendor:
    """One row of the vendor master."""

    id: str
    name: str
    vat_id: str
    country: str
    iban: str
    bic: str
    currency: str = "EUR"
    status: Literal["active", "blocked"] = "active"


@dataclass(frozen=True)
class OrderLine:
    """What was ordered, at which net price per unit."""

    line: str
    item_id: str
    name: str
    quantity: Decimal
    unit: str
    price: Decimal
    vat_rate: Decimal


@dataclass(frozen=True)
class Order:
    """A purchase order."""

    number: str
    vendor: str
    currency: str
    lines: tuple[OrderLine, ...]


@dataclass(frozen=True)
class ReceiptLine:
    """How much of an order line has arrived."""

    line: str
    quantity: Decimal


@dataclass(frozen=True)
class Receipt:
    """A goods receipt against an order."""

    number: str
    order: str
    lines: tuple[ReceiptLine, ...]


@dataclass(frozen=True)
class SampleBooks:
    """The master data that the documents of one seed refer to."""

    company: Company
    vendors: tuple[Vendor, ...]
    orders: tuple[Order, ...]
    receipts: tuple[Receipt, ...]


def plain(value: Any) -> Any:  # noqa: ANN401 - any of the dataclasses above, or a part of one
    """Give dataclasses as dicts, tuples as lists, decimals and dates as strings: for YAML."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, int) else str(value)


class Registry:
    """Invents master data, never the same name or number twice."""

    def __init__(self, random: Random) -> None:
        """All comes from this source of chance."""
        self.random = random
        self._names = [f"{first}{trade.lower()}" for first in _FIRST for trade in _TRADE]
        random.shuffle(self._names)
        self._next_order = random.randrange(4500, 4600) * 1000

    def company(self) -> Company:
        """Invent the paying company."""
        vendor = self.vendor("C-0")
        return Company(vendor.name, vendor.vat_id, vendor.country, vendor.iban, vendor.bic)

    def vendor(self, vendor_id: str) -> Vendor:
        """Invent an active vendor paid in EUR."""
        country = self.random.choice(sorted(_LENGTHS))
        middle = {"AT": "U"}.get(country, "")
        tail = {"NL": "B01", "IE": "T"}.get(country, "")
        return Vendor(
            id=vendor_id,
            name=f"{self._names.pop()} {_FORMS[country]}",
            vat_id=f"{country}{middle}{self.digits(_VAT_DIGITS[country])}{tail}",
            country=country,
            iban=self.iban(country),
            bic=f"{self.letters(4)}{country}{self.letters(2)}XXX",
        )

    def iban(self, country: str) -> str:
        """Invent an IBAN with right length, structure and check digits."""
        shape = _LENGTHS[country]
        letters = self.letters(4) if shape.startswith("a4") else ""
        account = letters + self.digits(int(shape.rpartition("n")[2]))
        return f"{country}{iban.calc_check_digits(f'{country}00{account}')}{account}"

    def order(self, vendor: Vendor, lines: tuple[OrderLine, ...]) -> Order:
        """Invent an order in the vendor's currency."""
        self._next_order += self.random.randrange(1, 40)
        return Order(f"PO-{self._next_order}", vendor.id, vendor.currency, lines)

    def order_lines(self, quantities: range, cents: range) -> tuple[OrderLine, ...]:
        """Invent one to three lines with quantities and prices (in cents) from these ranges."""
        goods = self.random.sample(_GOODS, self.random.randrange(1, 4))
        return tuple(
            OrderLine(
                line=str(10 * number),
                item_id=f"{self.letters(2)}-{self.digits(4)}",
                name=name,
                quantity=Decimal(self.random.choice(quantities)),
                unit="C62",
                price=Decimal(self.random.choice(cents)) / 100,
                vat_rate=Decimal(self.random.choice(("7", "19", "19", "21"))),
            )
            for number, name in enumerate(goods, start=1)
        )

    def digits(self, count: int) -> str:
        """Invent digits, the first not zero."""
        return str(self.random.randrange(10 ** (count - 1), 10**count))

    def letters(self, count: int) -> str:
        """Invent capital letters."""
        return "".join(self.random.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=count))


def received(order: Order, number: str) -> Receipt:
    """Give the receipt of everything ordered."""
    return Receipt(
        number, order.number, tuple(ReceiptLine(line.line, line.quantity) for line in order.lines)
    )
