"""The Merkle tree of RFC 6962 (SHA-256) over a growing list of leaves; it stores nothing.

A node is named by (level, position) and covers the leaves from position * 2^level on, 2^level of
them; only complete ones are ever kept, and none of them changes again.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

Hash = bytes
Node = Callable[[int, int], Hash]
"""Looks a complete node up by level and position."""
EMPTY = hashlib.sha256(b"").digest()
WIDTH = 32


def leaf(data: bytes) -> Hash:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def joined(left: Hash, right: Hash) -> Hash:
    """Return the hash of a node with these two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass
class Tree:
    """The growing edge of a tree: its size and its peaks, the largest complete nodes, in order."""

    size: int = 0
    peaks: list[Hash] = field(default_factory=list)

    @classmethod
    def packed(cls, size: int, peaks: bytes) -> "Tree":
        """Return the tree of what ``pack`` gave."""
        found = [peaks[at : at + WIDTH] for at in range(0, len(peaks), WIDTH)]
        if len(found) != size.bit_count() or len(peaks) % WIDTH:
            raise ValueError(f"{len(peaks)} bytes are no peaks of a tree of {size} leaves")
        return cls(size, found)

    def pack(self) -> bytes:
        """Return the peaks one after the other."""
        return b"".join(self.peaks)

    def append(self, hashed: Hash) -> Iterator[tuple[int, int, Hash]]:
        """Add a leaf; give every node above it that it completes, as (level, position, hash)."""
        position, level = self.size, 0
        while position & 1:
            hashed = joined(self.peaks.pop(), hashed)
            position, level = position >> 1, level + 1
            yield level, position, hashed
        self.peaks.append(hashed)
        self.size += 1

    def grow(self, hashed: Hash) -> None:
        """Add a leaf."""
        for _ in self.append(hashed):
            pass

    def root(self) -> Hash:
        """Return the root of what is in the tree now."""
        if not self.peaks:
            return EMPTY
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = joined(peak, root)
        return root


def root_of(size: int, node: Node) -> Hash:
    """Return the root that the tree had at a size, from its nodes."""
    return _range(0, size, node) if size else EMPTY


def inclusion(index: int, size: int, node: Node) -> tuple[Hash, ...]:
    """Return the proof that the leaf at ``index`` (from 0) is in the tree of ``size`` leaves."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has none at {index}")
    return tuple(_path(index, 0, size, node))


def included(index: int, size: int, hashed: Hash, proof: Sequence[Hash], root: Hash) -> bool:
    """Return whether a proof shows that this leaf hash is at ``index`` under the root."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, hashed
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = joined(step, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = joined(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def consistency(old: int, new: int, node: Node) -> tuple[Hash, ...]:
    """Return the proof that the tree of ``new`` leaves begins with that of ``old`` leaves."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves never had {old}")
    return tuple(_between(old, 0, new, node, known=True)) if 0 < old < new else ()


def consistent(old: int, new: int, old_root: Hash, new_root: Hash, proof: Sequence[Hash]) -> bool:
    """Return whether a proof shows that one tree begins with the other."""
    if not 0 < old < new:
        same = EMPTY if old == 0 else new_root
        return 0 <= old <= new and not proof and old_root == same
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = steps[0] if steps else EMPTY
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = joined(step, first), joined(step, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = joined(second, step)
        at, last = at >> 1, last >> 1
    return last == 0 and (first, second) == (old_root, new_root)


def _split(count: int) -> int:
    """Return the largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _range(start: int, end: int, node: Node) -> Hash:
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(count)
    return joined(_range(start, middle, node), _range(middle, end, node))


def _path(index: int, start: int, end: int, node: Node) -> Iterator[Hash]:
    if end - start == 1:
        return
    middle = start + _split(end - start)
    if index < middle:
        yield from _path(index, start, middle, node)
        yield _range(middle, end, node)
    else:
        yield from _path(index, middle, end, node)
        yield _range(start, middle, node)


def _between(old: int, start: int, end: int, node: Node, *, known: bool) -> Iterator[Hash]:
    """SUBPROOF of RFC 6962; ``known`` while the old root itself covers this range."""
    if old == end:
        if not known:
            yield _range(start, end, node)
        return
    middle = start + _split(end - start)
    if old <= middle:
        yield from _between(old, start, middle, node, known=known)
        yield _range(middle, end, node)
    else:
        yield from _between(old, middle, end, node, known=False)
        yield _range(start, middle, node)
