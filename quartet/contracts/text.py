"""Text as databases and people can take it: what they cannot is refused, or shown as a sign."""

import re

from pydantic import AfterValidator, JsonValue
from pydantic_core import PydanticCustomError

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SIGNS = {0: "\u2400"} | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def control_in(value: JsonValue) -> str | None:
    """Return the first control character in a value as ``U+0000``; tab, line breaks are none."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return next(filter(None, map(control_in, value)), None)
    found = _CONTROL.search(value) if isinstance(value, str) else None
    return f"U+{ord(found[0]):04X}" if found else None


def storable(text: str) -> str:
    """Return a text that came from anywhere as every database can keep it.

    NUL, which Postgres refuses, is shown as U+2400 (its symbol), a lone surrogate, which UTF-8 has
    no bytes for, as U+FFFD. Everything else stays, so most texts come back as they are.
    """
    return text.translate(_SIGNS)


def _check(text: str) -> str:
    if control := control_in(text):
        says = "it has the control character {control}; only tab and line breaks may stand in it"
        raise PydanticCustomError("control_character", says, {"control": control})
    return text


Legible = AfterValidator(_check)
"""Refuses the control characters that XML refuses too; for what somebody writes."""
Kept = AfterValidator(storable)
"""Makes a text storable; for what is kept of a thing that was refused."""
