"""The invoice as this pack sees it, whatever syntax it came in. How it is read lives elsewhere.

Field comments give the business terms of EN 16931. Every text was cleaned and bounded; it stays
untrusted, whoever reads it. Decimals are exact; in JSON they are strings, money with two places.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from packs.payables.normal import clean_text

MAX_LINES = 2000
MAX_ADJUSTMENTS = 100
MAX_NOTES = 20
MAX_PROSE = 1000
MAX_IDENTIFIER = 100
CREDIT_TYPE_CODES = frozenset(
    {"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"}
)


def _exact(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError("a decimal is an exact string such as '12.50', never a binary float")  # noqa: TRY004 - pydantic turns only ValueError into its own error
    return value


def _two_places(value: Decimal) -> Decimal:
    """Pad to two places; further places are kept (BR-DEC is a finding, not a rounding)."""
    exponent = value.as_tuple().exponent
    short = isinstance(exponent, int) and exponent > -2
    return value.quantize(Decimal("0.01")) if short else value


def _plain(value: Decimal) -> str:
    return f"{value:f}"


Money = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(max_digits=18, decimal_places=8),
    AfterValidator(_two_places),
    PlainSerializer(_plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]{1,18}\.[0-9]{2,8}$"}),
]
Number = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(max_digits=18, decimal_places=10),
    PlainSerializer(_plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]{1,18}(\.[0-9]{1,10})?$"}),
]
Identifier = Annotated[
    str, BeforeValidator(clean_text), StringConstraints(min_length=1, max_length=MAX_IDENTIFIER)
]
Name = Annotated[str, BeforeValidator(clean_text), StringConstraints(min_length=1, max_length=200)]
Prose = Annotated[
    str, BeforeValidator(clean_text), StringConstraints(min_length=1, max_length=MAX_PROSE)
]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,8}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2}$")]
Iban = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}$")]
Syntax = Literal["ubl-invoice", "ubl-credit-note", "cii", "factur-x"]


class Part(BaseModel):
    """What all parts of an invoice share: immutable, nothing extra."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Party(Part):
    """Seller (BG-4) or buyer (BG-7)."""

    name: Name  # BT-27, BT-44
    vat_id: Identifier | None = None  # BT-31, BT-48
    legal_id: Identifier | None = None  # BT-30, BT-47
    country: Country | None = None  # BT-40, BT-55
    endpoint: Identifier | None = None  # BT-34, BT-49
    endpoint_scheme: Code | None = None


class Payee(Part):
    """Where the document asks to be paid; never where it is paid: that is the vendor master."""

    name: Name | None = None  # BT-59, where it is not the seller
    account_name: Name | None = None  # BT-85
    account: Identifier | None = None  # BT-84 as written
    iban: Iban | None = None  # BT-84 in electronic form, where its check digits are right
    bic: Identifier | None = None  # BT-86
    further_accounts: tuple[Identifier, ...] = Field(default=(), max_length=MAX_NOTES)


class Adjustment(Part):
    """An allowance (taken off) or a charge (added), of a line or of the document."""

    charge: bool
    amount: Money  # BT-92, BT-99, BT-136, BT-141
    reason: Prose | None = None
    vat_category: Code | None = None
    vat_rate: Number | None = None


class Line(Part):
    """One line (BG-25)."""

    id: Identifier  # BT-126
    name: Name  # BT-153
    description: Prose | None = None  # BT-154
    note: Prose | None = None  # BT-127
    order_line: Identifier | None = None  # BT-132
    seller_item_id: Identifier | None = None  # BT-155
    buyer_item_id: Identifier | None = None  # BT-156
    quantity: Number  # BT-129
    unit: Code | None = None  # BT-130
    unit_price: Number  # BT-146
    base_quantity: Number = Decimal(1)  # BT-149
    net: Money  # BT-131
    vat_category: Code | None = None  # BT-151
    vat_rate: Number | None = None  # BT-152
    adjustments: tuple[Adjustment, ...] = Field(default=(), max_length=MAX_ADJUSTMENTS)


class VatGroup(Part):
    """One row of the VAT breakdown (BG-23)."""

    basis: Money  # BT-116
    tax: Money  # BT-117
    category: Code  # BT-118
    rate: Number | None = None  # BT-119


class Totals(Part):
    """Document totals (BG-22) as stated; None is "not stated"."""

    lines: Money  # BT-106
    allowances: Money | None = None  # BT-107
    charges: Money | None = None  # BT-108
    net: Money  # BT-109
    vat: Money | None = None  # BT-110
    gross: Money  # BT-112
    paid: Money | None = None  # BT-113
    rounding: Money | None = None  # BT-114
    payable: Money  # BT-115


class Invoice(Part):
    """An invoice or a credit note (amounts of a credit note are positive)."""

    syntax: Syntax
    kind: Literal["invoice", "credit-note"]
    type_code: Code  # BT-3
    number: Identifier  # BT-1
    issue_date: date  # BT-2
    due_date: date | None = None  # BT-9
    currency: Currency  # BT-5
    seller: Party
    buyer: Party
    buyer_reference: Identifier | None = None  # BT-10
    order_number: Identifier | None = None  # BT-13
    preceding_invoice: Identifier | None = None  # BT-25, the first
    payee: Payee = Payee()
    payment_means: Code | None = None  # BT-81
    payment_reference: Identifier | None = None  # BT-83
    terms: Prose | None = None  # BT-20
    notes: tuple[Prose, ...] = Field(default=(), max_length=MAX_NOTES)  # BT-22
    lines: tuple[Line, ...] = Field(min_length=1, max_length=MAX_LINES)
    adjustments: tuple[Adjustment, ...] = Field(default=(), max_length=MAX_ADJUSTMENTS)
    vat: tuple[VatGroup, ...] = Field(default=(), max_length=MAX_ADJUSTMENTS)
    totals: Totals
