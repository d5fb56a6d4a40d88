"""Amounts of money in their normal form; what an amount may do is the policy's."""

import re
from decimal import Decimal
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

_WRITTEN = r"(0|[1-9][0-9]{0,11})\.[0-9]{2}"
_CENT = Decimal("0.01")
_MOST = Decimal("999999999999.99")
_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL
HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT
MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB
SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
USD UYU UZS VED VES WST XCD YER ZAR ZMW
"""
CURRENCIES = frozenset(_CODES.split())
"""ISO 4217: the currencies in use with two places."""


class Amount(NamedTuple):
    """What a write tool moves: the tier is chosen by it."""

    value: Decimal
    currency: str

    def fault(self) -> str | None:
        """Return why this is no amount that may be moved, if it is none."""
        value, currency = self
        if currency not in CURRENCIES:
            return f"{currency[:20]!a} is no ISO 4217 currency with two places"
        if not value.is_finite() or not 0 < value <= _MOST:
            return f"{str(value)[:40]} is not above zero and at most {_MOST}"
        if value != value.quantize(_CENT):
            return f"{str(value)[:40]} has more than two places"
        return None


def _read(sent: object) -> Decimal:
    text = f"{sent:f}" if isinstance(sent, Decimal) else sent
    if not isinstance(text, str) or not re.fullmatch(_WRITTEN, text):
        raise ValueError('write an amount as text with two places, such as "49.90"')
    value = Decimal(text)
    if value <= 0:
        raise ValueError("an amount is above zero")
    return value


def _known(sent: str) -> str:
    if sent not in CURRENCIES:
        raise ValueError("write a currency as the ISO 4217 code of one with two places")
    return sent


Price = Annotated[
    Decimal,
    BeforeValidator(_read),
    PlainSerializer(lambda value: f"{value:.2f}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_WRITTEN}$"}),
]
"""An argument that is an amount: text with exactly two places, above zero, in normal form."""
Currency = Annotated[
    str,
    AfterValidator(_known),
    WithJsonSchema({"type": "string", "enum": sorted(CURRENCIES)}),
]
"""An argument that is the ISO 4217 code of a currency with two places."""
