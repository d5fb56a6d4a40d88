"""Offline verification: whatever is done to an export, the first bad record is named."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quartet.cli.auditing import Verified, verify
from quartet.cli.speech import Told
from quartet.contracts.audit import Checkpoint, SignedCheckpoint
from quartet.contracts.base import Fields
from quartet.testing.signing import keyring, seed_of, signer
from quartet.trust.auditing import line_of
from quartet.trust.checkpoints import TYP
from quartet.trust.digest import canonical, digest
from quartet.trust.keys import EPOCH_S, Signer, published
from quartet.trust.merkle import Tree, leaf

NOW = (time.time() // EPOCH_S + 0.5) * EPOCH_S
PAGES = (4, 9, 12)


def record(number: int, says: str = "done") -> bytes:
    return canonical({"at": str(number), "kind": "test", "body": {"says": says}})


RECORDS = tuple(record(n) for n in range(1, PAGES[-1] + 1))


def checkpoints(
    records: tuple[bytes, ...] = RECORDS,
    pages: tuple[int, ...] = PAGES,
    by: Signer | None = None,
    at: float = NOW,
) -> list[SignedCheckpoint]:
    """Sign these records page by page."""
    tree, made, old, previous = Tree(), [], 0, None
    for size in pages:
        leaves = b"".join(leaf(r) for r in records[old:size])
        for one in records[old:size]:
            tree.grow(leaf(one))
        checkpoint = Checkpoint(
            old=old,
            size=size,
            root=tree.root().hex(),
            at=datetime.fromtimestamp(at + size, UTC).isoformat(),
            previous=previous,
        )
        jws = (by or signer("coordinator")).sign(checkpoint.model_dump(mode="json"), TYP)
        made.append(SignedCheckpoint(checkpoint=jws, leaves=base64.b64encode(leaves)))
        old, previous = size, digest(jws.encode())
    return made


@dataclass(frozen=True)
class Export:
    """An export on disk, with keys and checkpoints that did not come with it."""

    folder: Path
    records: tuple[bytes, ...] = RECORDS
    signed: tuple[SignedCheckpoint, ...] = ()
    lines: tuple[bytes, ...] = ()

    def verified(self, *, keys: bool = True, outside: bool = False) -> Verified:
        path, kept = self.folder / "audit.jsonl", self.folder / "checkpoints.jsonl"
        ring = keyring(self.folder)
        head: Fields = {"quartet_audit": 1, "keys": json.loads(ring.path.read_text())}
        signed = self.signed or tuple(checkpoints())
        lines = self.lines or tuple(line_of(n, r) for n, r in enumerate(self.records, 1))
        path.write_bytes(
            json.dumps(head).encode()
            + b"\n"
            + b"".join(s.model_dump_json().encode() + b"\n" for s in signed)
            + b"".join(lines)
        )
        kept.write_text("".join(s.model_dump_json() + "\n" for s in checkpoints()))
        given = ring.path if keys else None
        return verify(path, given, kept if outside else None, lambda _, __: None)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path)


def test_what_was_signed_verifies(export: Export) -> None:
    for found in (export.verified(), export.verified(keys=False), export.verified(outside=True)):
        assert found.fault is None
        assert (found.records, found.checkpoints) == (12, 3)


def test_it_says_whether_the_keys_came_with_the_export(export: Export) -> None:
    assert export.verified(keys=False).own_keys
    assert not export.verified().own_keys


def swapped(records: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return (*records[:5], records[6], records[5], *records[7:])


R = RECORDS
TAMPERED: dict[str, tuple[tuple[bytes, ...], int, str]] = {
    "edited": ((*R[:5], record(6, "other"), *R[6:]), 6, "it was edited"),
    "first edited": ((record(1, "other"), *R[1:]), 1, "it was edited"),
    "last edited": ((*R[:11], record(12, "other")), 12, "edited"),
    "removed": ((*R[:5], *R[6:]), 6, "it was removed: signed record 7 stands here"),
    "first removed": (R[1:], 1, "it was removed"),
    "reordered": (swapped(R), 6, "another order: signed record 7 stands here"),
    "invented": ((*R[:5], record(99), *R[5:]), 6, "it was invented"),
    "invented at the end": ((*R, record(99)), 13, "beyond the 12 records that were signed"),
    "repeated": ((*R[:6], R[5], *R[6:]), 7, "invented"),
    "tail cut": (R[:9], 10, "missing, with all up to 12"),
    "all cut": ((), 1, "missing"),
    "replaced": (tuple(record(n, "new") for n in range(1, 13)), 1, "every record after it"),
}


@pytest.mark.parametrize("what", list(TAMPERED))
def test_the_first_bad_record_is_named(export: Export, what: str) -> None:
    records, first, says = TAMPERED[what]

    fault = replace(export, records=records).verified().fault

    assert fault is not None
    assert fault.record == first
    assert says in fault.says


def test_a_removed_record_is_named_also_where_the_numbers_were_left(export: Export) -> None:
    lines = [line_of(n, r) for n, r in enumerate(RECORDS, 1)]
    del lines[5]

    fault = replace(export, lines=tuple(lines)).verified().fault

    assert fault is not None
    assert (fault.record, "removed" in fault.says) == (6, True)


@pytest.mark.parametrize(
    "line",
    [
        b'{"sequence":06,"record":%s}\n' % RECORDS[5],
        b'{"sequence":6, "record":%s}\n' % RECORDS[5],
        b'{"sequence":6,"record":%s,"more":1}\n' % RECORDS[5],
        b'{"sequence":7,"record":%s}\n' % RECORDS[5],
        b"\n",
        b"nothing\n",
    ],
)
def test_a_line_out_of_form_is_named(export: Export, line: bytes) -> None:
    lines = [line_of(n, r) for n, r in enumerate(RECORDS, 1)]
    lines[5] = line

    fault = replace(export, lines=tuple(lines)).verified().fault

    assert fault is not None
    assert fault.record == 6


def forged(**how: object) -> tuple[SignedCheckpoint, ...]:
    """Sign other records instead, as somebody who has the database might."""
    other = (*R[:5], record(6, "other"), *R[6:])
    return tuple(checkpoints(other, **how))  # type: ignore[arg-type]


FOREIGN = Signer("coordinator", lambda: hashlib.sha256(b"foreign").digest())
OTHER = (*R[:5], record(6, "other"), *R[6:])


def test_a_foreign_key_signs_nothing(export: Export) -> None:
    fault = replace(export, records=OTHER, signed=forged(by=FOREIGN)).verified().fault

    assert fault is not None
    assert "is of no service" in fault.says


def test_another_service_signs_no_checkpoint(export: Export) -> None:
    fault = replace(export, records=OTHER, signed=forged(by=signer("toolbox"))).verified().fault

    assert fault is not None
    assert "toolbox signed it" in fault.says


def test_an_old_key_signs_nothing_of_today(export: Export) -> None:
    old = signer("coordinator", lambda: NOW - EPOCH_S)

    fault = replace(export, records=OTHER, signed=forged(by=old)).verified().fault

    assert fault is not None
    assert "did not sign at the time it names" in fault.says


def test_two_writers_with_the_right_key_are_found_by_the_checkpoints_outside(
    export: Export,
) -> None:
    rewritten = replace(export, records=OTHER, signed=forged())

    assert rewritten.verified().fault is None
    fault = rewritten.verified(outside=True).fault

    assert fault is not None
    assert (fault.record, fault.says) == (6, "it was edited")


def test_a_fork_that_left_the_records_alone_is_found_too(export: Export) -> None:
    fault = replace(export, signed=forged()).verified(outside=True).fault

    assert fault is not None
    assert (fault.record, "two histories" in fault.says) == (6, True)


def test_an_export_that_was_rolled_back_is_found_by_the_checkpoints_outside(
    export: Export,
) -> None:
    older = replace(export, records=R[:9], signed=tuple(checkpoints()[:2]))

    assert older.verified().fault is None
    fault = older.verified(outside=True).fault

    assert fault is not None
    assert (fault.record, "missing" in fault.says) == (10, True)


def test_an_export_that_goes_on_after_the_checkpoints_outside_is_right(export: Export) -> None:
    more = (*R, record(13))
    longer = replace(export, records=more, signed=tuple(checkpoints(more, (*PAGES, 13))))

    assert longer.verified(outside=True).fault is None


SIGNED = checkpoints()
BROKEN: dict[str, tuple[SignedCheckpoint, ...]] = {
    "one is missing": (SIGNED[0], SIGNED[2]),
    "two are swapped": (SIGNED[1], SIGNED[0], SIGNED[2]),
    "one is there twice": (SIGNED[0], SIGNED[0], SIGNED[1]),
    "leaves are cut": (SIGNED[0].model_copy(update={"leaves": SIGNED[0].leaves[:-32]}),),
    "leaves are others": (SIGNED[0].model_copy(update={"leaves": b"x" * 128}),),
    "the signature is cut": (
        SIGNED[0].model_copy(update={"checkpoint": SIGNED[0].checkpoint[:-2]}),
    ),
}


@pytest.mark.parametrize("what", list(BROKEN))
def test_a_chain_of_checkpoints_that_is_broken_is_no_proof(export: Export, what: str) -> None:
    fault = replace(export, signed=BROKEN[what]).verified().fault

    assert fault is not None
    assert fault.says.startswith("checkpoint ")


@settings(max_examples=60)
@given(data=st.data())
def test_no_changed_byte_of_a_record_goes_unnoticed(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at = data.draw(st.integers(0, 11))
    place = data.draw(st.integers(0, len(R[at]) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda v: v not in (R[at][place], 10)))
    changed = R[at][:place] + bytes([value]) + R[at][place + 1 :]
    export = Export(tmp_path_factory.mktemp("export"), (*R[:at], changed, *R[at + 1 :]))

    fault = export.verified().fault

    assert fault is not None
    assert fault.record == at + 1


@pytest.mark.parametrize("content", ["", "{}\n", "[]\n", '{"quartet_audit":2}\n', "nothing\n"])
def test_what_is_no_export_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text(content)

    with pytest.raises(Told, match="export"):
        verify(path, None, None, lambda _, __: None)


def test_keys_that_are_none_are_told(export: Export) -> None:
    export.verified()
    (export.folder / "keys").write_text("{}")

    with pytest.raises(Told, match="no JWKS"):
        verify(export.folder / "audit.jsonl", export.folder / "keys", None, lambda _, __: None)


def test_a_checkpoint_after_an_acknowledged_break_counts_and_the_break_is_told(
    export: Export,
) -> None:
    anew = tuple(record(n, "restored") for n in range(1, 4))
    tree = Tree()
    for one in anew:
        tree.grow(leaf(one))
    checkpoint = Checkpoint(
        old=0,
        size=3,
        root=tree.root().hex(),
        at=datetime.fromtimestamp(NOW + 60, UTC).isoformat(),
        previous=digest(SIGNED[-1].checkpoint.encode()),
        broken="Rolled back. Acknowledged by ada: restored from the backup",
    )
    jws = signer("coordinator").sign(checkpoint.model_dump(mode="json"), TYP)
    leaves = base64.b64encode(b"".join(leaf(one) for one in anew))
    last = SignedCheckpoint(checkpoint=jws, leaves=leaves)

    found = replace(export, records=anew, signed=(*SIGNED, last)).verified()

    assert found.fault is None
    assert [b.broken for b in found.breaks] == [checkpoint.broken]
    assert found.plain()["ok"] is False


def test_the_test_keys_are_of_the_epoch_they_say() -> None:
    assert published(seed_of("coordinator"), "coordinator", 1)["nbf"] == EPOCH_S
