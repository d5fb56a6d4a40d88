"""References to stored values in arguments, ``$val-<hex>.path``; values are kept elsewhere."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from quartet.contracts.base import Json, ValueId
from quartet.resilience.failures import RetryChanged

WHOLE = r"^\$val-[0-9a-f]{16}$"
_REFERENCE = re.compile(r"\$(val-[0-9a-f]{16})((?:\.[A-Za-z0-9_-]+)*)")
Lookup = Callable[[ValueId], Json]


@dataclass(frozen=True)
class ByReference:
    """Marks an argument that refers to a whole value of one of these tools, never a literal.

    Models are shown a string that names the value; the function gets the value itself.
    """

    tools: tuple[str, ...]
    optional: bool = False

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of what is sent: the reference."""
        del core, handler
        reference: JsonSchemaValue = {"type": "string", "pattern": WHOLE}
        return {"anyOf": [reference, {"type": "null"}]} if self.optional else reference


def named(text: str) -> tuple[ValueId, tuple[str, ...]] | None:
    """Return the value and the path that a reference names; None for what is no reference."""
    match = _REFERENCE.fullmatch(text)
    return (match[1], tuple(match[2].split(".")[1:])) if match else None


def resolve(sent: Json, lookup: Lookup) -> Json:
    """Return the arguments with every reference replaced by what it names.

    Raises RetryChanged for a malformed reference and for a path that the value does not have;
    ``lookup`` raises it for an unknown value.
    """
    if isinstance(sent, dict):
        return {name: resolve(part, lookup) for name, part in sent.items()}
    if isinstance(sent, list):
        return [resolve(part, lookup) for part in sent]
    if not isinstance(sent, str) or not sent.startswith("$val"):
        return sent
    reference = named(sent)
    if reference is None:
        raise _unknown(sent, "is no reference; write `$val-<16 hex digits>.field`")
    found, path = reference
    value = lookup(found)
    for step in path:
        value = _inside(value, step, sent)
    return value


def _inside(value: Json, step: str, sent: str) -> Json:
    if isinstance(value, dict) and step in value:
        return value[step]
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    have = ", ".join(sorted(value)) if isinstance(value, dict) else type(value).__name__
    raise _unknown(sent, f"has no {step!r}; there is: {have[:300]}")


def _unknown(sent: str, says: str) -> RetryChanged:
    return RetryChanged(f"{sent[:100]!r} {says}.", cause="data", title="UnknownReference")
