"""One audit record: who, what, when and in which trace, as canonical bytes; not where it stands."""

from datetime import datetime

from sqlalchemy.orm import Session

from quartet.contracts.base import Fields, Json
from quartet.sidecar.calling import REPLICA, calling, trace_of
from quartet.trust.digest import canonical, digest
from services.toolbox.audit.tables import RequesterRow
from services.toolbox.tables import AuditRow, PlanRow


def record_of(  # noqa: PLR0913 - what a record is made of
    session: Session,
    now: datetime,
    suite: str,
    actor: str,
    kind: str,
    task: str | None,
    body: Fields,
) -> AuditRow:
    """Return the record, not yet numbered; its canonical bytes are what is kept and hashed.

    ``suite`` is what the SPIFFE ids of all its app-ids begin with.
    """
    record: Json = {
        "at": now.isoformat(),
        "actor": actor,
        "spiffe": f"{suite}/{actor}",
        "replica": _replica(actor),
        "recorder": REPLICA,
        "person": _person(session, task),
        "trace": trace_of(task),
        "kind": kind,
        "task": task,
        "body": body,
    }
    data = canonical(record)
    return AuditRow(at=now, actor=actor, kind=kind, task=task, record=data, digest=digest(data))


def _replica(actor: str) -> str:
    """Return which process of the actor acted, as far as it is known here."""
    call = calling()
    if actor == call.caller:
        return call.replica
    return REPLICA if actor == "toolbox" else ""


def _person(session: Session, task: str | None) -> str:
    """Return the person behind a task: its plan's requester, or whom the intake named."""
    if task is None:
        return ""
    plan = session.get(PlanRow, task)
    if plan is not None:
        return plan.requester
    told = session.get(RequesterRow, task)
    return told.requester if told else ""
