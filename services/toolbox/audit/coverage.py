"""Whether everything is on record: each value, plan, effect and approval; names what is not."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from quartet.trust.digest import digest
from services.toolbox.approvals.tables import ApprovalRow
from services.toolbox.audit.tables import ContentRow
from services.toolbox.tables import AuditRow, EffectRow, PlanRow, ValueRow

Bodies = list[dict[str, Any]]
Told = dict[tuple[str, str], Bodies]
"""The bodies on record by task and kind."""
WHO = ("actor", "spiffe", "recorder")
ASKED_OF_PEOPLE = ("approve", "escalate")


def uncovered(session: Session) -> Iterator[str]:
    """Give what was done and is not on record, or without a verdict, a ruling or an approval."""
    told: Told = defaultdict(list)
    for row in session.scalars(select(AuditRow).order_by(AuditRow.sequence)):
        record = json.loads(row.record)
        if not isinstance(record, dict) or not isinstance(record.get("body"), dict):
            yield f"audit {row.sequence} is no record"
            continue
        told[row.task or "", row.kind].append(record["body"])
        yield from _anonymous(row, record)
    yield from _values(session, told)
    yield from _plans(session, told)
    yield from _effects(session, told)
    yield from _approvals(session, told)


def _anonymous(row: AuditRow, record: dict[str, Any]) -> Iterator[str]:
    """Give what a record does not name; one from before this version names an actor only."""
    if "recorder" not in record:
        return
    missing = [name for name in WHO if not record.get(name)]
    if row.task is not None and not record.get("trace"):
        missing.append("trace")
    yield from (f"audit {row.sequence} ({row.kind}) names no {name}" for name in missing)


def _values(session: Session, told: Told) -> Iterator[str]:
    contents = set(session.scalars(select(ContentRow.digest)))
    for row in session.scalars(select(ValueRow)):
        bodies = [b for b in told[row.task, "value-stored"] if b.get("value") == row.id]
        if not bodies:
            yield f"{row.task} has {row.id} of {row.tool}, which is not on record"
        elif bodies[0].get("content_digest") != digest(row.content):
            yield f"{row.id} of {row.task} is not what is on record"
        elif (asked := bodies[0].get("asked")) is not None and asked not in contents:
            yield f"what was asked for {row.id} of {row.task} is gone"
    for content in session.scalars(select(ContentRow)):
        if digest(content.content) != content.digest:
            yield f"the content {content.digest} is not what was digested"


def _plans(session: Session, told: Told) -> Iterator[str]:
    for row in session.scalars(select(PlanRow)):
        if not any(b.get("plan_digest") == row.digest for b in told[row.task, "plan-registered"]):
            yield f"the plan of {row.task} is not on record"


def _effects(session: Session, told: Told) -> Iterator[str]:
    """Each effect has the critic's verdict, the policy's ruling, and the approval it asked for."""
    for row in session.scalars(select(EffectRow)):
        key = f"{row.task}/{row.slot}"

        def on_record(kind: str, of: EffectRow = row) -> Bodies:
            return [
                body
                for body in told[of.task, kind]
                if (body.get("slot"), body.get("call_digest")) == (of.slot, of.call_digest)
            ]

        rulings = on_record("policy-decided")
        if not rulings:
            yield f"{key} has no ruling of the policy on record"
        if row.status == "duplicate":
            continue
        verdicts = [body["verdict"]["decision"] for body in on_record("effect-intended")]
        if "accept" not in verdicts:
            yield f"{key} has no accepted verdict on record"
        asks = [body["tier"] in ASKED_OF_PEOPLE for body in rulings]
        applied = row.status in ("applied", "compensated")
        if applied and asks and asks[-1] and not on_record("approval-used"):
            yield f"{key} was applied and no approval was used for it"


def _approvals(session: Session, told: Told) -> Iterator[str]:
    for row in session.scalars(select(ApprovalRow)):
        asked = told[row.task, "approval-asked"]
        if not any(body.get("approval") == row.id for body in asked):
            yield f"approval {row.id} of {row.task} was not asked on record"
        decided = told[row.task, "approval-decided"]
        if row.state in ("approved", "used") and not any(
            body.get("approval") == row.id for body in decided
        ):
            yield f"approval {row.id} of {row.task} is {row.state} by nobody on record"
