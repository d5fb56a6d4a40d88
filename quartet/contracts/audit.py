"""What is said about the audit: acts for the record, the tree's root and proofs, checkpoints."""

from typing import Annotated

from pydantic import Field, StringConstraints

from quartet.contracts.base import Base64, Contract, Digest, Fields, Line, Name, TaskId
from quartet.contracts.text import Legible

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A node of the Merkle tree (SHA-256), hexadecimal."""


class Act(Contract):
    """An act of the caller's own, for the record; the same ``id`` again is recorded once."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=200), Legible]
    kind: Name
    task: TaskId | None = None
    body: Fields = Field(default_factory=dict)


class Noted(Contract):
    """Whether an act is new to the record."""

    new: bool


class AuditRoot(Contract):
    """How many records there are, and the root of the Merkle tree over them."""

    size: int = Field(ge=0)
    root: Hash


class AuditGrowth(Contract):
    """How the tree grew from ``old`` records to ``size``: a page of it, proved.

    ``leaves`` are the leaf hashes of the records in between, one after the other, taken from the
    records as they are now; ``head`` is how many records there are in all.
    """

    old: int = Field(ge=0)
    size: int = Field(ge=0)
    root: Hash
    proof: tuple[Hash, ...]
    leaves: Base64
    head: int = Field(ge=0)


class Checkpoint(Contract):
    """What the coordinator signs: the tree's root at a size, and the checkpoint before.

    It extends the tree of ``old`` records. ``old`` is 0 for the first one, and for the first
    after a person has acknowledged a break with what was signed before (``broken`` says why).
    """

    old: int = Field(ge=0)
    size: int = Field(ge=1)
    root: Hash
    at: str
    previous: Digest | None = None
    broken: Line = ""


class SignedCheckpoint(Contract):
    """A checkpoint as kept: its signature (JWS) and the leaf hashes it adds to the tree."""

    checkpoint: str
    leaves: Base64


class Checkpoints(Contract):
    """Signed checkpoints, oldest first."""

    checkpoints: tuple[SignedCheckpoint, ...]


class Alarm(Contract):
    """The audit is not what was signed; nothing more is signed until a person acknowledges it."""

    at: str
    says: Line
    acknowledged: Line = ""


class Acknowledgement(Contract):
    """A person lets signing go on from the audit as it is now, and says why."""

    by: Annotated[str, StringConstraints(min_length=1, max_length=200), Legible]
    why: Annotated[str, StringConstraints(min_length=1, max_length=300), Legible]


class AuditState(Contract):
    """The newest checkpoint, when it was signed, and the alarm that stops further ones."""

    size: int = 0
    root: str = ""
    at: str = ""
    alarm: Alarm | None = None
