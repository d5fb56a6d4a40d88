"""Acts that other apps record of themselves; what the toolbox itself saw is never told to it."""

from sqlalchemy import select

from quartet.contracts.audit import Act, Noted
from quartet.contracts.base import Fields, Name
from quartet.contracts.person import DEFAULT_TENANT
from services.toolbox.audit.tables import RequesterRow
from services.toolbox.ledger import Entry
from services.toolbox.refusals import PolicyRefusal
from services.toolbox.tables import AuditRow

OWN_ACTS = (
    "agent-",
    "audit-",
    "canary-",
    "event-",
    "message-",
    "person-",
    "review-",
    "task-",
    "token-",
)
"""How the kinds begin that an app may record; the others are the toolbox's own to say."""
ACCEPTED = "task-accepted"


def note(entry: Entry, caller: Name, act: Act) -> Noted:
    """Record an act of the caller's own, once for its id."""
    if not act.kind.startswith(OWN_ACTS) or act.kind == "task-closed":
        raise PolicyRefusal(
            f"{caller} may not record {act.kind!r}: that is not its own act.", "NotYourAct"
        )
    named = f"{caller}/{act.id}"
    if entry.session.scalar(select(AuditRow.sequence).where(AuditRow.act == named)) is not None:
        return Noted(new=False)
    if act.kind == ACCEPTED and caller == "coordinator" and act.task is not None:
        _remember(entry, act.task, act.body)
    entry.record(caller, act.kind, act.task, act.body)
    entry.records[-1].act = named
    return Noted(new=True)


def _remember(entry: Entry, task: str, accepted: Fields) -> None:
    """Keep the person behind a task, for the records before its plan is registered."""
    if entry.session.get(RequesterRow, task) is None:
        requester = str(accepted.get("requester", ""))
        tenant = str(accepted.get("tenant", DEFAULT_TENANT))
        entry.session.add(RequesterRow(task=task, requester=requester, tenant=tenant))
        entry.session.flush()
