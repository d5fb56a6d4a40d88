"""The base of every message and the short types they share; no message itself lives here."""

import base64
import binascii
from typing import Annotated

from pydantic import (
    AwareDatetime,
    Base64Encoder,
    BaseModel,
    ConfigDict,
    EncodedBytes,
    Field,
    JsonValue,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from quartet.contracts.text import Kept, Legible


class Contract(BaseModel):
    """A message that crosses a process: immutable, closed, validated once at the edge."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StrictBase64(Base64Encoder):
    """Base64 that refuses what is none, where pydantic's own skips it and keeps wrong bytes."""

    @classmethod
    def decode(cls, data: bytes) -> bytes:
        """Return the bytes."""
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise PydanticCustomError("base64", "not Base64: {error}", {"error": str(error)}) from (
                error
            )

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        """Return one line of Base64."""
        return base64.b64encode(value)


Base64 = Annotated[bytes, EncodedBytes(encoder=StrictBase64)]
"""Bytes that travel as one line of Base64."""
NAME_PATTERN = r"^[a-z][a-z0-9]*([-_.][a-z0-9]+)*$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=64)]
"""A lower-case identifier: an app-id, a skill, a tool, a subtask id."""
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""SHA-256 of canonical bytes, as ``sha256:<hex>``."""
TaskId = Annotated[str, StringConstraints(pattern=r"^t-[0-9a-f]{24}$")]
"""A hash of the submitting event's source and id; also the workflow instance id."""
ValueId = Annotated[str, StringConstraints(pattern=r"^val-[0-9a-f]{16}$")]
"""An immutable value in the toolbox, unique within its task."""
Line = Annotated[str, StringConstraints(max_length=500), Legible]
"""One line of text for people."""
KeptText = Annotated[str, Kept]
"""What is kept of a thing that was refused; see ``storable``."""
Money = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,15}\.[0-9]{2}$")]
"""An amount with exactly two decimals, as a string: no float ever holds money."""
Usd = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$")]
"""US dollars, down to a billionth, as a decimal string."""
Instant = AwareDatetime
"""A moment with its zone, written as RFC 3339."""
Json = JsonValue
Fields = dict[str, JsonValue]
"""A JSON object whose schema is declared elsewhere (a tool's arguments or result)."""
Share = Annotated[float, Field(ge=0, le=1)]
"""A fraction between 0 and 1."""

__all__ = [
    "Base64",
    "Contract",
    "Digest",
    "Fields",
    "Instant",
    "Json",
    "KeptText",
    "Line",
    "Money",
    "Name",
    "Share",
    "TaskId",
    "Usd",
    "ValueId",
]
