"""The one sequence of audit records and the Merkle tree over it; what they say is elsewhere."""

from base64 import b64encode
from collections.abc import Callable, Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from quartet.contracts.audit import AuditGrowth, AuditRoot
from quartet.trust.merkle import Tree, consistency, leaf, root_of
from services.toolbox.audit.tables import AuditNodeRow
from services.toolbox.refusals import NotThere
from services.toolbox.tables import AuditHead, AuditRow

PAGE = 2000
"""Records of one growth at most."""


def append(session: Session, records: Sequence[AuditRow]) -> None:
    """Give records the next numbers and grow the tree, under the lock of the head.

    Every lock of the transaction is taken before this one, so it is held for a moment only.
    """
    hashes = [leaf(row.record) for row in records]
    head = session.get_one(AuditHead, 1, with_for_update=True, populate_existing=True)
    tree, nodes = Tree.packed(head.sequence, head.peaks or b""), []
    for row, hashed in zip(records, hashes, strict=True):
        nodes += [
            {"level": level, "position": position, "hash": node}
            for level, position, node in tree.append(hashed)
        ]
        row.sequence = tree.size
    session.add_all(records)
    head.sequence, head.peaks = tree.size, tree.pack()
    if nodes:
        session.execute(insert(AuditNodeRow), nodes)


def root(session: Session) -> AuditRoot:
    """Return how many records there are and the root over them."""
    head = session.get_one(AuditHead, 1)
    tree = Tree.packed(head.sequence, head.peaks or b"")
    return AuditRoot(size=tree.size, root=tree.root().hex())


def growth(session: Session, old: int, most: int = PAGE) -> AuditGrowth:
    """Return how the tree grew after ``old`` records, at most ``most`` of them; with its proof."""
    head = session.get_one(AuditHead, 1)
    if not 0 <= old <= head.sequence:
        raise NotThere(f"The audit has {head.sequence} records, not {old}.", "AuditShorter")
    size = min(head.sequence, old + most)

    node = _nodes(session)
    query = (
        select(AuditRow.record)
        .where(AuditRow.sequence > old, AuditRow.sequence <= size)
        .order_by(AuditRow.sequence)
    )
    found = root_of(size, node)
    tree = Tree.packed(head.sequence, head.peaks or b"")
    if size == head.sequence and tree.root() != found:
        raise NotThere("The head of the audit's tree is not that of its nodes.", "AuditLost")
    return AuditGrowth(
        old=old,
        size=size,
        root=found.hex(),
        proof=tuple(step.hex() for step in consistency(old, size, node)),
        leaves=b64encode(b"".join(leaf(record) for record in session.scalars(query))),
        head=head.sequence,
    )


def _nodes(session: Session) -> Callable[[int, int], bytes]:
    def node(level: int, position: int) -> bytes:
        record = session.get(AuditRow, position + 1) if level == 0 else None
        if record is not None:
            return leaf(record.record)
        row = session.get(AuditNodeRow, (level, position))
        if row is None:
            raise NotThere(f"The audit's tree has lost its node {level}, {position}.", "AuditLost")
        return row.hash

    return node
