"""The invariant of approvals (I5), computed from the ledger's rows and its audit.

What people had to approve was approved in time by enough of them, none of them its requester
or who asked for its task, for exactly this call, and was carried out once.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from quartet.contracts.policy import rank
from services.toolbox.approvals.deciding import askers, folded
from services.toolbox.approvals.tables import OPEN, ApprovalRow, DecisionRow
from services.toolbox.tables import AuditRow, EffectRow, PlanRow

CARRIED_OUT = ("applied", "compensated")


def approvals(session: Session) -> Iterator[str]:
    """Give every broken rule of approvals in words."""
    rows = session.scalars(select(ApprovalRow)).all()
    yield from _open(session, rows)
    yield from _carried_out(session, rows)
    told = _told(session)
    for row in rows:
        if row.state in ("approved", "used"):
            yield from _approved(session, row)
        if row.state == "used" and told[(row.id, row.call_digest, "approval-used")] != 1:
            yield f"approval {row.id} is used and not used once on record"


def _open(session: Session, rows: Sequence[ApprovalRow]) -> Iterator[str]:
    held = select(EffectRow.task, EffectRow.slot).where(EffectRow.status == "held")
    effects = {(task, slot) for task, slot in session.execute(held)}
    waiting = {(row.task, row.slot) for row in rows if row.state in OPEN}
    if effects != waiting:
        yield f"held effects {sorted(effects)} differ from open approvals {sorted(waiting)}"


def _carried_out(session: Session, rows: Sequence[ApprovalRow]) -> Iterator[str]:
    """Hold what was carried out and was held, or has such a tier, against used approvals."""
    used: dict[tuple[str, int], list[str]] = defaultdict(list)
    for row in rows:
        if row.state == "used":
            used[row.task, row.slot].append(row.call_digest)
    held = _held(session)
    for effect in session.scalars(select(EffectRow)):
        digests = used.pop((effect.task, effect.slot), [])
        by_tier = effect.tier is not None and rank(effect.tier) >= rank("approve")
        asked = by_tier or (effect.task, effect.slot, effect.call_digest) in held
        if digests != [effect.call_digest] * (asked and effect.status in CARRIED_OUT):
            yield (
                f"{effect.task}/{effect.slot} is {effect.status} for {effect.call_digest}, and "
                f"approvals were used for {digests}"
            )
    yield from (f"{task}/{slot} has a used approval and no effect" for task, slot in used)


def _approved(session: Session, row: ApprovalRow) -> Iterator[str]:
    decisions = session.scalars(
        select(DecisionRow).where(DecisionRow.approval == row.id, DecisionRow.decision == "approve")
    ).all()
    people = {folded(d.person) for d in decisions}
    if len(people) < row.approvers:
        yield f"approval {row.id} is {row.state} by {len(people)} people, not {row.approvers}"
    if askers(row, session.get(PlanRow, row.task)) & people:
        yield f"approval {row.id} was decided by its requester, or by who asked for the task"
    if any(d.call_digest != row.call_digest for d in decisions):
        yield f"approval {row.id} was decided for another call"
    if any(d.at >= row.expires_at for d in decisions):
        yield f"approval {row.id} was decided after its time"
    if row.state == "used" and (not row.ended_at or not row.use_by or row.ended_at >= row.use_by):
        yield f"approval {row.id} was used after its time"


def _held(session: Session) -> set[tuple[str, int, str]]:
    """Return task, slot and call digest of all that was ever held."""
    held = session.scalars(select(AuditRow).where(AuditRow.kind == "effect-held"))
    bodies = ((row.task or "", json.loads(row.record)["body"]) for row in held)
    return {(task, int(body["slot"]), str(body["call_digest"])) for task, body in bodies}


def _told(session: Session) -> Counter[tuple[int, str, str]]:
    """Count the audit records of each approval, call digest and kind."""
    told: Counter[tuple[int, str, str]] = Counter()
    for row in session.scalars(select(AuditRow).where(AuditRow.kind == "approval-used")):
        body = json.loads(row.record)["body"]
        told[int(body["approval"]), str(body["call_digest"]), row.kind] += 1
    return told
