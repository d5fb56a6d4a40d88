"""The registered plans of tasks; whether a plan is valid is the coordinator's business."""

from quartet.contracts.base import Name
from quartet.contracts.effect import Registered, Registration
from quartet.contracts.plan import Plan
from quartet.packs.load import Pack
from quartet.trust.digest import digest
from services.toolbox.ledger import Entry
from services.toolbox.refusals import PlanDiffers, PolicyRefusal
from services.toolbox.tables import PlanRow


def register(entry: Entry, sent: Registration) -> Registered:
    """Keep the first plan of a task; the same one again changes nothing, another is refused."""
    plan_digest = digest(sent.plan)
    documents = sent.model_dump(mode="json")["documents"]
    row = entry.session.get(PlanRow, sent.task)
    if row is None:
        entry.session.add(
            PlanRow(
                task=sent.task,
                requester=sent.requester,
                asked_by=sent.asked_by,
                tenant=sent.tenant,
                roles=list(sent.roles),
                goal=sent.goal,
                plan=sent.plan.model_dump(mode="json"),
                documents=documents,
                agents=dict(sent.agents),
                digest=plan_digest,
                signature=sent.signature,
                registered_at=entry.now,
            )
        )
        body = sent.model_dump(mode="json", exclude={"task"}) | {"plan_digest": plan_digest}
        entry.record("coordinator", "plan-registered", sent.task, body)
        return Registered(plan_digest=plan_digest)
    same = {
        "requester": row.requester == sent.requester,
        "asked_by": row.asked_by == sent.asked_by,
        "tenant": row.tenant == sent.tenant,
        "roles": tuple(row.roles) == sent.roles,
        "documents": row.documents == documents,
        "agents": row.agents == sent.agents,
    }
    if row.digest != plan_digest or not all(same.values()):
        raise PlanDiffers(
            f"Task {sent.task} has the plan {row.digest} of {row.requester!r} already, which "
            f"stays; {plan_digest} came. Go on with the first one, or submit a new task.",
            cause="data",
        )
    return Registered(plan_digest=plan_digest)


def locked(entry: Entry, task: str) -> PlanRow | None:
    """Return the task's plan, if any, with its row locked: one commit of a task at a time."""
    return entry.session.get(PlanRow, task, with_for_update=True, populate_existing=True)


def registration_of(row: PlanRow) -> Registration:
    """Return what was registered, as the coordinator signed it."""
    return Registration.model_validate(
        {
            "task": row.task,
            "requester": row.requester,
            "asked_by": row.asked_by,
            "tenant": row.tenant,
            "roles": row.roles,
            "plan": row.plan,
            "goal": row.goal,
            "documents": row.documents,
            "agents": row.agents,
            "signature": row.signature,
        }
    )


def agent_of(row: PlanRow, pack: Pack, subtask: Name) -> Name:
    """Return the app-id that works on a subtask, as the coordinator has signed it."""
    kind = next(s.kind for s in plan_of(row).subtasks if s.id == subtask)
    return row.agents.get(subtask) or pack.app_of(kind)


def check_agents(sent: Registration, pack: Pack) -> None:
    """Refuse a plan whose subtasks are given to an app-id that may not run them."""
    kinds = {s.id: s.kind for s in sent.plan.subtasks}
    for subtask, app_id in sent.agents.items():
        if subtask not in kinds or app_id not in pack.runners(kinds[subtask]):
            raise PolicyRefusal(
                f"{app_id} is neither the specialist for {subtask!r} of {sent.task} nor a "
                "declared canary of it. Declare it in QUARTET_CANARIES of every app.",
                "NoSuchAgent",
            )


def plan_of(row: PlanRow) -> Plan:
    """Return the plan as registered."""
    return Plan.model_validate(row.plan)
