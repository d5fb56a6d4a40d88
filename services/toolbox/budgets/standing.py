"""Whether one more call fits into an account; pure: rows and transactions are elsewhere."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from quartet.contracts.base import Usd

Fit = Literal["fits", "busy", "asks", "exceeded"]
NANO = 9
"""Decimal places of a dollar that are counted."""


@dataclass(frozen=True)
class Use:
    """What calls use, in each measure; also a limit, a reservation or a sum of these."""

    usd_nano: int = 0
    tokens: int = 0
    model_calls: int = 0
    tool_calls: int = 0

    def items(self) -> tuple[tuple[str, int], ...]:
        """Return (measure, amount) pairs, always in the same order."""
        return tuple((name, getattr(self, name)) for name in MEASURES)


MEASURES = ("usd_nano", "tokens", "model_calls", "tool_calls")
WORDS = {
    "usd_nano": "US dollars",
    "tokens": "tokens",
    "model_calls": "model calls",
    "tool_calls": "tool calls",
}


@dataclass(frozen=True)
class Standing:
    """One account: what is spent, what is reserved, and where its limits are (None: nowhere)."""

    spent: Use
    reserved: Use
    limits: dict[str, int | None]
    soft_usd_nano: int | None = None

    def fit(self, use: Use) -> tuple[Fit, str]:
        """Return whether a call fits, and the measure that decides it.

        What only calls in flight stand in the way of is busy: they may turn out cheaper.
        """
        busy = ""
        for name, more in use.items():
            limit = self.limits[name]
            spent, reserved = getattr(self.spent, name), getattr(self.reserved, name)
            if limit is not None and more and spent + more > limit:
                return "exceeded", name
            if limit is not None and more and spent + reserved + more > limit:
                busy = name
        if busy:
            return "busy", busy
        return self._soft(use)

    def _soft(self, use: Use) -> tuple[Fit, str]:
        if self.soft_usd_nano is None or not use.usd_nano:
            return "fits", ""
        if self.spent.usd_nano + use.usd_nano > self.soft_usd_nano:
            return "asks", "usd_nano"
        in_all = self.spent.usd_nano + self.reserved.usd_nano + use.usd_nano
        return ("busy" if in_all > self.soft_usd_nano else "fits"), "usd_nano"

    def share(self, name: str) -> float:
        """Return how much of a limit is spent, 0 where there is none."""
        limit = self.limits[name]
        return getattr(self.spent, name) / limit if limit else 0.0


def nano(usd: Usd) -> int:
    """Return US dollars as a whole number of billionths."""
    return int(Decimal(usd).scaleb(NANO))


def usd(amount: int) -> Usd:
    """Return billionths of a dollar as dollars."""
    return f"{Decimal(amount).scaleb(-NANO).normalize():f}"


def shown(name: str, amount: int | None) -> str:
    """Return an amount of a measure for people."""
    if amount is None:
        return "no limit"
    return f"{usd(amount)} {WORDS[name]}" if name == "usd_nano" else f"{amount} {WORDS[name]}"
