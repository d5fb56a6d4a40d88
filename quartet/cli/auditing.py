"""Exports of the audit: written through the console, verified offline with public keys only.

An export is one file of JSON Lines: a head with the public keys, the signed checkpoints, then the
records, each as the canonical bytes that were hashed.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from pydantic import ValidationError

from quartet.cli.console import Console
from quartet.cli.speech import Told
from quartet.contracts.audit import Checkpoint, SignedCheckpoint
from quartet.contracts.base import Fields, Json
from quartet.trust.auditing import Fault, first_fault, leaves_of, line_of
from quartet.trust.checkpoints import Broken, Chain, Verify, genuine
from quartet.trust.keys import Keyring
from quartet.trust.merkle import WIDTH

FORMAT = 1
PAGE = 2000
TELL_EVERY = 50_000
Tell = Callable[[int, int], None]
"""Takes how many of how many records are done."""


def export(console: Console, out: IO[bytes], tell: Tell) -> int:
    """Write an export that ends with a fresh checkpoint; return how many records are in it.

    While an alarm is open nothing is signed: then it holds every record there is.
    """
    state = console.attest()
    signed = list(console.checkpoints())
    most = None if state.alarm else state.size
    head = {"quartet_audit": FORMAT, "records": most, "keys": console.audit_keys()}
    out.write(json.dumps(head).encode() + b"\n")
    for checkpoint in signed:
        out.write(checkpoint.model_dump_json().encode() + b"\n")
    count = 0
    for count, record in enumerate(records(console, most), 1):
        out.write(line_of(record["sequence"], record["record"].encode()))
        if count % PAGE == 0:
            tell(count, state.size)
    return count


def records(
    console: Console, most: int | None = None, task: str | None = None
) -> Iterator[dict[str, Any]]:
    """Give audit records in their sequence, those up to number ``most``, those of one task."""
    after = 0
    while True:
        asked: Fields = {"after": after, "limit": PAGE, "task": task}
        found: Any = console.operate("export_audit", asked)
        for record in found["records"]:
            if most is not None and record["sequence"] > most:
                return
            yield record
        if len(found["records"]) < PAGE:
            return
        after = found["records"][-1]["sequence"]


@dataclass(frozen=True)
class Verified:
    """What an export came to: no fault, or the first record that is not what was signed."""

    records: int
    checkpoints: int
    signed_at: str
    root: str
    own_keys: bool
    """The keys came with the export: whoever can replace all of it can replace them too."""
    fault: Fault | None = None
    breaks: tuple[Checkpoint, ...] = ()

    def plain(self) -> Fields:
        """Return it as JSON."""
        fault: Json = asdict(self.fault) if self.fault else None
        breaks: list[Json] = [b.model_dump(mode="json") for b in self.breaks]
        return {
            "ok": self.fault is None and not self.breaks,
            "records": self.records,
            "checkpoints": self.checkpoints,
            "signed_at": self.signed_at,
            "root": self.root,
            "own_keys": self.own_keys,
            "first_fault": fault,
            "acknowledged_breaks": breaks,
        }


@dataclass
class Export:
    """An opened export: its head and checkpoints are read, its records are not yet."""

    file: IO[bytes]
    keys: Fields
    checkpoints: list[SignedCheckpoint] = field(default_factory=list)
    first: bytes = b""

    @classmethod
    def of(cls, file: IO[bytes]) -> "Export":
        """Read up to the first record; raises Told for what is no export."""
        try:
            head = json.loads(file.readline())
            if head["quartet_audit"] != FORMAT:
                raise Told(f"This is an export of format {head['quartet_audit']}, not {FORMAT}.")
            found = cls(file, head["keys"])
        except (ValueError, KeyError, TypeError) as error:
            raise Told(
                "This is no export of the audit: `quartet audit export` makes one."
            ) from error
        for line in file:
            if not line.startswith(b'{"checkpoint":'):
                found.first = line
                break
            found.checkpoints.append(_checkpoint(line, "the export"))
        return found

    def records(self) -> Iterator[bytes]:
        """Give the lines of its records."""
        if self.first:
            yield self.first
            yield from self.file


def verify(path: Path, keys: Path | None, outside: Path | None, tell: Tell) -> Verified:
    """Return what an export came to, offline.

    ``keys`` is a JWKS from elsewhere, ``outside`` the file of checkpoints kept outside: with them
    not even whoever replaces everything in the export goes unnoticed.
    """
    with path.open("rb") as file, TemporaryDirectory() as folder:
        export = Export.of(file)
        leaves, out_of_form = leaves_of(_told(export.records(), tell))
        own = Path(folder) / "keys.json"
        own.write_text(json.dumps(export.keys), encoding="utf-8")
        signed = _genuine(keys or own)
        chain, fault = _read(signed, export.checkpoints)
        if outside is not None:
            kept, broken = _read(signed, _outside(outside))
            chain, forked = _one_history(chain, kept)
            fault = broken or first_fault(leaves, out_of_form, chain) or forked or fault
        else:
            fault = fault or first_fault(leaves, out_of_form, chain)
    newest = chain.newest
    return Verified(
        records=len(leaves) // WIDTH,
        checkpoints=len(chain.ids),
        signed_at=newest.at if newest else "",
        root=newest.root if newest else "",
        own_keys=keys is None,
        fault=fault,
        breaks=tuple(chain.breaks),
    )


def _genuine(keys: Path) -> Verify:
    """Return how checkpoints are verified with the public keys in a file."""
    try:
        published = json.loads(keys.read_bytes())["keys"]
        return genuine(Keyring(keys), published)
    except (ValueError, KeyError, TypeError) as error:
        raise Told("The keys are no JWKS of a suite's services.") from error


def _told(lines: Iterator[bytes], tell: Tell) -> Iterator[bytes]:
    for count, line in enumerate(lines, 1):
        if count % TELL_EVERY == 0:
            tell(count, 0)
        yield line


def _read(signed: Verify, checkpoints: Iterable[SignedCheckpoint]) -> tuple[Chain, Fault | None]:
    """Return the chain as far as it is right, and where it is not."""
    chain = Chain(signed)
    try:
        chain.read(checkpoints)
    except Broken as broken:
        return chain, Fault(chain.tree.size + 1, str(broken))
    if chain.newest is None:
        return chain, Fault(1, "no checkpoint is signed, so nothing is proved")
    return chain, None


def _one_history(here: Chain, kept: Chain) -> tuple[Chain, Fault | None]:
    """Return the chain that counts, the longer one; and where the two are no longer the same."""
    shared = min(len(kept.leaves), len(here.leaves))
    if here.leaves[:shared] == kept.leaves[:shared]:
        return (kept if len(kept.leaves) >= len(here.leaves) else here), None
    at = next(n for n in range(shared) if here.leaves[n] != kept.leaves[n]) // WIDTH
    return kept, Fault(at + 1, "two histories are signed from here on: the export's, and one kept")


def _outside(path: Path) -> Iterator[SignedCheckpoint]:
    with path.open("rb") as file:
        for line in file:
            yield _checkpoint(line, str(path))


def _checkpoint(line: bytes, where: str) -> SignedCheckpoint:
    try:
        return SignedCheckpoint.model_validate_json(line)
    except ValidationError as error:
        raise Told(f"A line of {where} is no checkpoint: {line[:60]!r}") from error
