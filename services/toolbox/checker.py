"""The ledger's invariants, computed from its rows alone; a pack's own are computed in the pack."""

import json
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from quartet.contracts.effect import EffectStatus
from quartet.packs.load import Pack
from quartet.trust.digest import digest
from quartet.trust.merkle import Tree, leaf
from services.toolbox.approvals.checks import approvals
from services.toolbox.audit.coverage import uncovered
from services.toolbox.gate import LIVE
from services.toolbox.policy import caps
from services.toolbox.tables import (
    AuditHead,
    AuditRow,
    EffectRow,
    PlanRow,
    PostingRow,
)


def problems(session: Session, pack: Pack) -> tuple[str, ...]:
    """Return every broken invariant in words; none when the ledger balances."""
    return (
        *_audit(session),
        *_outcomes(session),
        *_natural_keys(session),
        *_slots(session),
        *_postings(session, pack),
        *approvals(session),
        *caps.problems(session, pack),
        *uncovered(session),
    )


def _audit(session: Session) -> Iterator[str]:
    rows = session.scalars(select(AuditRow).order_by(AuditRow.sequence)).all()
    head = session.get_one(AuditHead, 1)
    if [r.sequence for r in rows] != list(range(1, len(rows) + 1)):
        yield "the audit sequence has a gap"
    yield from (f"audit {r.sequence} was changed" for r in rows if digest(r.record) != r.digest)
    tree = Tree()
    for row in rows:
        tree.grow(leaf(row.record))
    if tree != Tree.packed(head.sequence, head.peaks or b""):
        yield "the audit is not what the tree was grown from"


def _outcomes(session: Session) -> Iterator[str]:
    """Each effect was intended and ended on record; each that was applied, exactly once."""
    told = _told(session)
    applied: Counter[str] = Counter()
    for (key, _, kind), count in told.items():
        applied[key] += count if kind == "effect-applied" else 0
    live = set()
    for row in session.scalars(select(EffectRow)):
        key = f"{row.task}/{row.slot}"
        if row.status in ("applied", "compensated"):
            live.add(key)
        for kind in _RECORDS[row.status]:
            if told[(key, row.call_digest, kind)] < 1:
                yield f"{key} is {row.status} without {kind} on record"
    yield from (f"{key} was applied {n} times" for key, n in applied.items() if n > 1)
    yield from (f"{key} was applied and is not in effects" for key in set(+applied) - live)


_RECORDS: dict[EffectStatus, tuple[str, ...]] = {
    "applied": ("effect-intended", "effect-applied"),
    "compensated": ("effect-intended", "effect-applied", "effect-compensated"),
    "held": ("effect-intended", "effect-held"),
    "rejected": ("effect-intended", "effect-held", "effect-rejected"),
    "expired": ("effect-intended", "effect-held", "effect-expired"),
    "resolved": ("effect-intended", "effect-held", "effect-resolved"),
    "duplicate": ("effect-duplicate",),
}


def _told(session: Session) -> Counter[tuple[str, str, str]]:
    """Count the audit records of each effect key, call digest and kind."""
    told: Counter[tuple[str, str, str]] = Counter()
    effects = select(AuditRow).where(AuditRow.kind.startswith("effect-"))
    for row in session.scalars(effects):
        body = json.loads(row.record)["body"]
        told[(f"{row.task}/{body['slot']}", body["call_digest"], row.kind)] += 1
    return told


def _natural_keys(session: Session) -> Iterator[str]:
    live = session.scalars(
        select(EffectRow.natural_key)
        .where(EffectRow.status.in_(LIVE), EffectRow.natural_key.is_not(None))
        .group_by(EffectRow.natural_key)
        .having(func.count() > 1)
    )
    yield from (f"{key} is live more than once" for key in live)


def _slots(session: Session) -> Iterator[str]:
    planned = set(session.scalars(select(PlanRow.task)))
    tasks = set(session.scalars(select(EffectRow.task)))
    yield from (f"{task} has effects and no plan" for task in sorted(tasks - planned))


def _postings(session: Session, pack: Pack) -> Iterator[str]:
    entries: Counter[tuple[str, str]] = Counter()
    accounts: Counter[tuple[str, str, str]] = Counter()
    for row in session.scalars(select(PostingRow)):
        cents = int(row.amount * 100)
        entries[(row.entry, row.currency)] += cents
        accounts[(row.effect, row.account, row.currency)] += cents
    yield from (f"entry {e} does not balance in {c}" for (e, c), cents in entries.items() if cents)
    moved = {effect for (effect, _, _), cents in accounts.items() if cents}
    posted = {effect for effect, _, _ in accounts}
    for effect in session.scalars(select(EffectRow)):
        key, tool = f"{effect.task}/{effect.slot}", pack.tools[effect.tool].effect
        if effect.status == "applied" and tool and tool.amount and key not in moved:
            yield f"{key} is applied and moved nothing"
        if effect.status != "applied" and key in moved:
            yield f"{key} is {effect.status} and its postings are not undone"
        if effect.status not in ("applied", "compensated") and key in posted:
            yield f"{key} is {effect.status} and has postings"
