"""The Merkle tree against the vectors of RFC 6962's reference, and against any mutation."""

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartet.trust.merkle import (
    EMPTY,
    Tree,
    consistency,
    consistent,
    included,
    inclusion,
    joined,
    leaf,
    root_of,
)

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of certificate-transparency's own test (merkletree/merkle_tree_test.cc)."""


def grown(count: int) -> tuple[Tree, Callable[[int, int], bytes]]:
    """A tree of numbered leaves with its nodes."""
    nodes: dict[tuple[int, int], bytes] = {}
    tree = Tree()
    for number in range(count):
        hashed = leaf(str(number).encode())
        nodes[0, number] = hashed
        nodes |= {(level, at): node for level, at, node in tree.append(hashed)}
    return tree, lambda level, at: nodes[level, at]


def naive(leaves: list[bytes]) -> bytes:
    """MTH exactly as RFC 6962, section 2.1, writes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaf(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return joined(naive(leaves[:split]), naive(leaves[split:]))


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert Tree().root() == EMPTY == naive([])


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_the_reference(size: int) -> None:
    tree = Tree()
    for data in LEAVES[:size]:
        tree.grow(leaf(data))

    assert tree.root().hex() == ROOTS[size - 1]


def test_the_proofs_are_those_of_the_reference() -> None:
    nodes: dict[tuple[int, int], bytes] = {}
    tree = Tree()
    for number, data in enumerate(LEAVES):
        nodes[0, number] = leaf(data)
        nodes |= {(level, at): node for level, at, node in tree.append(leaf(data))}

    def node(level: int, at: int) -> bytes:
        return nodes[level, at]

    assert [step.hex() for step in inclusion(2, 3, node)] == [ROOTS[1]]
    assert [step.hex() for step in inclusion(5, 8, node)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[3],
    ]
    assert [step.hex() for step in consistency(6, 8, node)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[3],
    ]


@given(st.integers(0, 200))
def test_the_edge_the_nodes_and_the_definition_give_one_root(size: int) -> None:
    tree, node = grown(size)

    assert tree.root() == root_of(size, node) == naive([str(n).encode() for n in range(size)])
    assert Tree.packed(size, tree.pack()) == tree


@given(st.data())
def test_every_leaf_is_proved_and_no_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 130))
    index = data.draw(st.integers(0, size - 1))
    tree, node = grown(size)
    proof = inclusion(index, size, node)

    assert included(index, size, node(0, index), proof, tree.root())
    other = data.draw(st.integers(0, size + 3).filter(lambda n: n != index))
    assert not included(other, size, node(0, index), proof, tree.root())
    assert not included(index, size, leaf(b"invented"), proof, tree.root())
    assert not included(index, size, node(0, index), (*proof, EMPTY), tree.root())
    if proof:
        assert not included(index, size, node(0, index), proof[:-1], tree.root())


@given(st.data())
def test_a_tree_is_consistent_with_what_it_grew_from_and_with_nothing_else(
    data: st.DataObject,
) -> None:
    new = data.draw(st.integers(1, 130))
    old = data.draw(st.integers(0, new))
    tree, node = grown(new)
    before = root_of(old, node)
    proof = consistency(old, new, node)

    assert consistent(old, new, before, tree.root(), proof)
    assert not consistent(old, new, leaf(b"other"), tree.root(), proof)
    if old:
        assert not consistent(old, new, before, leaf(b"other"), proof)
    if 0 < old < new:
        broken = data.draw(st.integers(0, len(proof) - 1))
        flipped = bytes([proof[broken][0] ^ 1]) + proof[broken][1:]
        bad = (*proof[:broken], flipped, *proof[broken + 1 :])
        assert not consistent(old, new, before, tree.root(), bad)
        assert not consistent(old, new, before, tree.root(), proof[:-1])
        assert not consistent(old, new, before, tree.root(), (*proof, EMPTY))
        assert not consistent(new, old, tree.root(), before, proof)


@given(st.data())
def test_any_changed_leaf_changes_the_root(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 100))
    leaves = [leaf(str(n).encode()) for n in range(size)]
    changed = data.draw(st.integers(0, size - 1))
    first, second = Tree(), Tree()
    for number, hashed in enumerate(leaves):
        first.grow(hashed)
        second.grow(leaf(b"changed") if number == changed else hashed)

    assert first.root() != second.root()


def test_what_was_never_in_a_tree_has_no_proof() -> None:
    _, node = grown(4)

    with pytest.raises(ValueError, match="none at 4"):
        inclusion(4, 4, node)
    with pytest.raises(ValueError, match="never had 5"):
        consistency(5, 4, node)
    with pytest.raises(ValueError, match="no peaks"):
        Tree.packed(3, b"x" * 32)
