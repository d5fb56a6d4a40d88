"""The ruling on one resolved call in the gate: its facts, what is moved with it, the record."""

from typing import get_args

from quartet.contracts.base import Fields
from quartet.contracts.person import Role
from quartet.contracts.policy import Ruling
from quartet.contracts.task import ANONYMOUS
from quartet.packs.load import Pack
from quartet.policy.facts import CallFacts, Sums
from services.toolbox.gate import Call
from services.toolbox.labels.facts import Facts
from services.toolbox.ledger import Entry
from services.toolbox.plans import plan_of
from services.toolbox.policy.caps import Movement, sums
from services.toolbox.policy.live import InForce
from services.toolbox.refusals import PolicyRefusal
from services.toolbox.tables import PlanRow


def rule(entry: Entry, law: InForce, call: Call, plan: PlanRow, known: Facts) -> Ruling:
    """Return the tier of a call and the policies that made it; each decision is on record.

    Raises PolicyRefusal when no tier is permitted: such a call is never asked about.
    """
    seen = _facts(entry, law.pack, call, plan, known)
    ruling = law.policy.rule(seen, law.mode)
    if ruling.tier == "deny":
        named = ", ".join(ruling.policies) or "no policy"
        raise PolicyRefusal(
            f"{call.tool.name} is denied: {'; '.join(ruling.reasons)} ({named}; policy "
            f"{ruling.version}).",
            "Denied",
        )
    body: Fields = {
        "slot": call.slot,
        "tool": call.tool.name,
        "call_digest": call.call_digest,
        "mode": law.mode,
        "facts": seen.model_dump(mode="json"),
    }
    entry.record("toolbox", "policy-decided", plan.task, body | ruling.model_dump(mode="json"))
    return ruling


def movement(pack: Pack, call: Call, plan: PlanRow) -> Movement | None:
    """Return what a call moves, if anything."""
    if call.amount is None:
        return None
    payee = call.effect.payee(call.arguments) if call.effect.payee else ""
    return Movement(call.amount, payee, pack.app_of(_kind(call, plan)), plan.requester)


def _facts(entry: Entry, pack: Pack, call: Call, plan: PlanRow, known: Facts) -> CallFacts:
    kind = _kind(call, plan)
    moves = movement(pack, call, plan)
    return CallFacts(
        tool=call.tool.name,
        agent=pack.app_of(kind),
        kind=kind,
        **({"amount": moves.amount.value, "currency": moves.amount.currency} if moves else {}),
        sums=sums(entry, moves) if moves else Sums(),
        reversible=call.effect.reversible,
        risk=call.effect.risk(call.arguments) if call.effect.risk else "low",
        authenticated=plan.requester != ANONYMOUS,
        roles=known_roles(plan.roles),
        tenant=plan.tenant,
        unconfirmed=known.unconfirmed,
        least=known.least,
        confidence=call.confidence,
        hour=entry.now.hour,
    )


def known_roles(stored: list[str]) -> tuple[Role, ...]:
    """Return the roles of a plan's requester that are roles."""
    return tuple(role for role in get_args(Role) if role in stored)


def _kind(call: Call, plan: PlanRow) -> str:
    return next(s.kind for s in plan_of(plan).subtasks if s.id == call.subtask)
