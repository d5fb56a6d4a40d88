"""Whether records are those that were signed, offline: the first that is not is named; pure.

A record stands in an export as ``{"sequence":<n>,"record":<canonical JSON>}``: the bytes after
``"record":`` are hashed as they stand, so nothing is parsed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from quartet.trust.checkpoints import Chain
from quartet.trust.merkle import WIDTH, leaf

_AFTER_SEQUENCE = b',"record":'


@dataclass(frozen=True)
class Fault:
    """The first record (from 1) that is not what was signed, and what is wrong with it."""

    record: int
    says: str


def line_of(sequence: int, record: bytes) -> bytes:
    """Return a record as a line of an export."""
    return b'{"sequence":%d%s%s}\n' % (sequence, _AFTER_SEQUENCE, record)


def record_in(line: bytes, sequence: int) -> bytes | None:
    """Return the record in a line of an export; None when the line is not that record's."""
    start = b'{"sequence":%d%s' % (sequence, _AFTER_SEQUENCE)
    if not line.startswith(start) or not line.endswith(b"}\n"):
        return None
    return line[len(start) : -2]


def leaves_of(lines: Iterable[bytes]) -> tuple[bytes, Fault | None]:
    """Return the leaf hashes of an export's records, and the first line that is out of form."""
    found, fault = bytearray(), None
    for number, line in enumerate(lines, 1):
        record = record_in(line, number)
        if record is None:
            shown = line[:40].decode("utf-8", "replace")
            fault = fault or Fault(number, f"its line is not in form: {shown}")
            record = line.rstrip().partition(_AFTER_SEQUENCE)[2][:-1]
        found += leaf(record)
    return bytes(found), fault


def first_fault(records: bytes, out_of_form: Fault | None, signed: Chain) -> Fault | None:
    """Compare the records' leaf hashes with the signed ones; return the first that differs."""
    wanted = bytes(signed.leaves)
    if records == wanted and out_of_form is None:
        return None
    have, want = len(records) // WIDTH, len(wanted) // WIDTH
    shared = min(have, want)
    at = next((n for n in range(shared) if _at(records, n) != _at(wanted, n)), shared)
    if at < shared:
        return Fault(at + 1, _what_happened(records, wanted, at))
    if have < want:
        newest = signed.newest.at if signed.newest else ""
        return Fault(have + 1, f"it is missing, with all up to {want}, which were signed {newest}")
    if have > want:
        return Fault(want + 1, f"it is beyond the {want} records that were signed")
    return out_of_form


def _what_happened(records: bytes, wanted: bytes, at: int) -> str:
    """Say what became of the signed record at this place, from what stands around it."""
    have = {_at(records, n) for n in range(at, len(records) // WIDTH)}
    want = {_at(wanted, n): n for n in range(at, len(wanted) // WIDTH)}
    signed, found = _at(wanted, at), _at(records, at)
    if not have & want.keys():
        return "it was edited or replaced, and so was every record after it"
    if signed in have:
        if found in want:
            return f"the records are in another order: signed record {want[found] + 1} stands here"
        return "it was invented: the record that was signed here stands further on"
    if found in want:
        return f"it was removed: signed record {want[found] + 1} stands here"
    return "it was edited"


def _at(leaves: bytes, number: int) -> bytes:
    return leaves[number * WIDTH : (number + 1) * WIDTH]
