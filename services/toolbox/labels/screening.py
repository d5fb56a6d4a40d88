"""Guardrails of the toolbox: on values that come in, and on texts that leave through a call."""

from quartet.contracts.base import Json
from quartet.contracts.guard import Flag
from quartet.packs.labelling import Audience
from quartet.resilience.failures import RetryChanged
from quartet.trust.guardrails import Rails, screen

_COMING = Rails(most_chars=50_000_000, secrets="allow")
_TO_PEOPLE = Rails(most_chars=4_000)
_OUTSIDE = Rails(most_chars=4_000, personal="block")


def flags_of(value: Json) -> tuple[Flag, ...]:
    """Return what stands out in a value; it is kept as it came, and a person may be warned."""
    return screen(value, _COMING).flags


def check_text(path: str, text: str, to: Audience) -> tuple[Flag, ...]:
    """Return what stands out in a text that leaves.

    Raises RetryChanged for a secret or hidden text, and outside for personal data.
    """
    seen = screen(text, _OUTSIDE if to == "outside" else _TO_PEOPLE)
    if seen.action != "allow":
        found = ", ".join(dict.fromkeys(flag.name for flag in seen.flags))
        raise RetryChanged(
            f"{path} goes to {to} and a guardrail blocked it: {found}. Say it without that.",
            cause="policy",
            title="GuardrailBlocked",
        )
    return seen.flags
