"""What a requester's words ask for: one order number and one amount, read by a fixed form."""

import re
from decimal import Decimal
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from quartet.packs.amount import CURRENCIES, Currency, Price

_ORDER = re.compile(r"(?<![\w-])O-[0-9]{4,8}(?![\w-])", re.ASCII)
_AMOUNT = re.compile(
    r"(?<![\w.,+-])([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,9})(\.[0-9]{2})? ?([A-Z]{3})(?!\w)", re.ASCII
)


class Part(BaseModel):
    """A part of this pack's messages: immutable and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(Part):
    """What somebody wrote."""

    words: str = Field(
        description="The requester's words: the goal of the subtask, whole and unchanged. A refund "
        "that comes of any other words waits for a person.",
        min_length=1,
        max_length=1000,
    )


class Request(Part):
    """What the words ask for; ``clear`` when they name one order and one amount."""

    order_number: str | None
    amount: Price | None
    currency: Currency | None
    clear: bool
    says: str

    @classmethod
    def of(cls, words: str) -> Self:
        """Read the words; what is not exactly one of each is none."""
        orders = sorted(set(_ORDER.findall(words)))
        amounts = sorted(
            {(_value(whole, cents), code) for whole, cents, code in _AMOUNT.findall(words)}
        )
        sound = [a for a in amounts if a[0] > 0 and a[1] in CURRENCIES]
        clear = len(orders) == 1 and len(amounts) == len(sound) == 1
        return cls(
            order_number=orders[0] if clear else None,
            amount=sound[0][0] if clear else None,
            currency=sound[0][1] if clear else None,
            clear=clear,
            says="one order and one amount"
            if clear
            else f"{len(orders)} order numbers (O-...) and {len(sound)} amounts above zero with a "
            "currency are named; it takes one of each",
        )


def _value(whole: str, cents: str) -> Decimal:
    return Decimal(whole.replace(",", "") + (cents or ".00"))
