"""The chain of signed checkpoints of the audit, read and checked; signing and keeping is elsewhere.

Each checkpoint names the one before by digest, and carries the leaf hashes it adds, so that what
was signed is known record by record.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from quartet.contracts.audit import Checkpoint, SignedCheckpoint
from quartet.contracts.base import Digest, Json
from quartet.trust.digest import digest
from quartet.trust.keys import LEEWAY_S, Keyring
from quartet.trust.merkle import WIDTH, Tree
from quartet.trust.signing import NotGenuine

TYP = "quartet-checkpoint+jws"
SIGNER = "coordinator"
Verify = Callable[[str], Json]
"""Returns what a JWS states; raises NotGenuine when it is not of the coordinator."""


def genuine(keyring: Keyring, keys: Iterable[Mapping[str, Any]]) -> Verify:
    """Return how checkpoints are verified: signed by the coordinator, in the time of its key.

    A key of the past counts for the past only: who finds an old one can sign nothing of today.
    """
    times = {str(key["kid"]): (key["nbf"], key["exp"]) for key in keys}

    def verify(jws: str) -> Json:
        statement = keyring.verify(jws, SIGNER, TYP, None)
        at = datetime.fromisoformat(Checkpoint.model_validate(statement).at).timestamp()
        begins, ends = times[_kid(jws)]
        if not begins - LEEWAY_S <= at <= ends + LEEWAY_S:
            raise NotGenuine("its key did not sign at the time it names")
        return statement

    return verify


class Broken(Exception):
    """A checkpoint does not continue the ones before it; the text says which and why."""


@dataclass
class Chain:
    """What has been signed so far: the leaf hashes since the last break, and the newest one."""

    verify: Verify
    tree: Tree = field(default_factory=Tree)
    leaves: bytearray = field(default_factory=bytearray)
    breaks: list[Checkpoint] = field(default_factory=list)
    ids: list[Digest] = field(default_factory=list)
    newest: Checkpoint | None = None

    def read(self, signed: Iterable[SignedCheckpoint]) -> "Chain":
        """Take checkpoints, oldest first; raises Broken for the first that is not right."""
        for one in signed:
            try:
                self._take(one)
            except (NotGenuine, ValidationError, ValueError) as error:
                after = self.newest.size if self.newest else 0
                says = f"checkpoint {len(self.ids) + 1}, after record {after}: {_line(error)}"
                raise Broken(says) from error
        return self

    def _take(self, signed: SignedCheckpoint) -> None:
        checkpoint = Checkpoint.model_validate(self.verify(signed.checkpoint))
        self._check(checkpoint, signed)
        if checkpoint.old == 0:
            self.tree, self.leaves = Tree(), bytearray()
        if checkpoint.broken:
            self.breaks.append(checkpoint)
        for at in range(0, len(signed.leaves), WIDTH):
            self.tree.grow(signed.leaves[at : at + WIDTH])
        if self.tree.root().hex() != checkpoint.root:
            raise ValueError("its leaf hashes do not have the root that is signed")
        self.leaves += signed.leaves
        self.ids.append(digest(signed.checkpoint.encode()))
        self.newest = checkpoint

    def _check(self, checkpoint: Checkpoint, signed: SignedCheckpoint) -> None:
        before = self.newest
        if not checkpoint.broken and checkpoint.previous != (self.ids[-1] if self.ids else None):
            raise ValueError("it does not follow the one before it")
        if before is not None and checkpoint.at < before.at:
            raise ValueError(f"it is of {checkpoint.at}, before {before.at}")
        expected = 0 if before is None or checkpoint.broken else before.size
        if checkpoint.old != expected:
            raise ValueError(f"it goes on from {checkpoint.old} records, not {expected}")
        if len(signed.leaves) != WIDTH * (checkpoint.size - checkpoint.old) or not signed.leaves:
            raise ValueError(f"it has {len(signed.leaves)} bytes of leaf hashes")


def _kid(jws: str) -> str:
    """Return the key id in the header of a JWS that was verified before."""
    header = jws.partition(".")[0]
    return str(json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"])


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
