"""The gate's decisions, in their order, each a small function; what follows from them is commit's.

Caller and token - schema and normal form - the effect key - signed chain with an accepted verdict -
slot in the plan - labels - tier and cumulative caps (policy) - budget - natural key.
"""

from dataclasses import dataclass

from pydantic import BaseModel
from sqlalchemy import select

from quartet.contracts.base import Digest, Fields, Json
from quartet.contracts.effect import Commit
from quartet.contracts.work import Proposal
from quartet.packs.amount import Amount
from quartet.packs.load import Pack
from quartet.packs.tool import Effect, Tool
from quartet.resilience.failures import RetryChanged
from quartet.trust.digest import digest, proposal_digest
from services.toolbox.ledger import Entry
from services.toolbox.plans import plan_of
from services.toolbox.refusals import EffectKeyReused, PolicyRefusal
from services.toolbox.tables import EffectRow, PlanRow
from services.toolbox.values import check_producers, lookup

FREED = ("rejected", "expired")
LIVE = ("held", "applied", "resolved")


@dataclass(frozen=True)
class Call:
    """A proposal in normal form: references resolved, arguments checked, both digests known."""

    tool: Tool
    effect: Effect
    arguments: BaseModel
    plain: Fields
    proposal_digest: Digest
    call_digest: Digest
    slot: int
    subtask: str
    confidence: float
    amount: Amount | None
    """What it moves, in normal form; None for a tool that moves nothing."""


def normal_form(entry: Entry, pack: Pack, sent: Commit) -> Call:
    """Return the call that a commit asks for; raises RetryChanged naming what does not fit."""
    proposal = proposal_of(sent)
    tool = pack.tools.get(proposal.tool)
    if tool is None or tool.effect is None:
        have = ", ".join(pack.of_kind("write"))
        raise RetryChanged(
            f"There is no write tool {proposal.tool!r}; there is {have}.",
            cause="data",
            title="NoSuchTool",
        )
    arguments = tool.check(proposal.arguments, lookup(entry, sent.task))
    check_producers(entry, sent.task, pack, tool, proposal.arguments)
    plain = arguments.model_dump(mode="json")
    named: Json = {"task": sent.task, "slot": sent.slot, "tool": tool.name, "arguments": plain}
    return Call(
        tool=tool,
        effect=tool.effect,
        arguments=arguments,
        plain=plain,
        proposal_digest=proposed(sent),
        call_digest=digest(named),
        slot=sent.slot,
        subtask=sent.subtask,
        confidence=sent.result.confidence,
        amount=_amount(tool, tool.effect, arguments),
    )


def _amount(tool: Tool, effect: Effect, arguments: BaseModel) -> Amount | None:
    """Return what a call moves; raises RetryChanged for what is no amount, whoever stated it."""
    amount = effect.amount(arguments) if effect.amount else None
    if amount is not None and (fault := amount.fault()):
        raise RetryChanged(
            f"{tool.name} cannot move this: {fault}.", cause="data", title="AmountRefused"
        )
    return amount


def proposed(sent: Commit) -> Digest:
    """Return the digest of the proposal that is sent."""
    return proposal_digest(sent.plan, sent.task, sent.subtask, sent.attempt, sent.result)


def proposal_of(sent: Commit) -> Proposal:
    """Return the one proposal for the slot of a commit."""
    found = [p for p in sent.result.proposals if p.slot == sent.slot]
    if len(found) != 1:
        raise RetryChanged(
            f"The result has {len(found)} proposals for slot {sent.slot}; it needs exactly one.",
            cause="data",
            title="NoProposal",
        )
    return found[0]


def stored(entry: Entry, sent: Commit, call: Call) -> EffectRow | None:
    """Return what the effect key has come to already, if anything that still counts.

    A held one counts no more when its call has changed or a later attempt proposes another. Raises
    EffectKeyReused for a key that another proposal used, unless that one was freed.
    """
    row = entry.session.get(EffectRow, (sent.task, sent.slot))
    if row is None:
        return None
    same = row.proposal_digest == call.proposal_digest
    changed = row.call_digest != call.call_digest if same else sent.attempt > row.attempt
    if row.status == "held" and changed:
        return None
    if same:
        return row
    if row.status in FREED:
        return None
    raise EffectKeyReused(
        f"Slot {sent.slot} of task {sent.task} is {row.status} for proposal "
        f"{row.proposal_digest}; {call.proposal_digest} cannot use the same effect key. "
        "Send the first proposal again to get its outcome.",
        cause="data",
    )


def check_verdict(sent: Commit, call: Call) -> None:
    """Refuse without the critic's accepted verdict on exactly this proposal."""
    verdict = sent.verdict
    names = (verdict.task, verdict.subtask, verdict.attempt, verdict.proposal_digest)
    if names != (sent.task, sent.subtask, sent.attempt, call.proposal_digest):
        raise PolicyRefusal(
            f"The verdict is on another proposal ({verdict.proposal_digest}) than the one sent "
            f"({call.proposal_digest}). Send the verdict on exactly this result.",
            "VerdictMismatch",
        )
    if verdict.decision != "accept":
        raise PolicyRefusal(
            f"The verdict on {call.proposal_digest} is {verdict.decision!r}; only what the critic "
            "accepted is carried out.",
            "NotAccepted",
        )


def check_slot(sent: Commit, call: Call, plan: PlanRow | None) -> PlanRow:
    """Refuse an effect that the registered plan does not allow; return the plan."""
    if plan is None:
        raise PolicyRefusal(
            f"Task {sent.task} has no registered plan. Register it before committing.", "NoPlan"
        )
    if plan.closed_at is not None:
        raise PolicyRefusal(
            f"Task {sent.task} was compensated; nothing more is carried out for it.", "TaskClosed"
        )
    subtask = next((s for s in plan_of(plan).subtasks if s.id == sent.subtask), None)
    slot = next((s for s in subtask.slots if s.number == sent.slot), None) if subtask else None
    if slot is None or call.tool.name not in slot.tools:
        allowed = ", ".join(slot.tools) if slot else "nothing"
        raise PolicyRefusal(
            f"The plan of {sent.task} lets slot {sent.slot} of subtask {sent.subtask!r} come to "
            f"{allowed}, not to {call.tool.name}. A plan's effects are fixed when it is made.",
            "OutsidePlan",
        )
    return plan


def natural_key(call: Call) -> str | None:
    """Return what may be effected only once, if the tool names it."""
    return call.effect.natural_key(call.arguments) if call.effect.natural_key else None


def holder(entry: Entry, key: str | None) -> EffectRow | None:
    """Return the live effect that has this natural key, if any."""
    if key is None:
        return None
    live = EffectRow.status.in_(LIVE)
    return entry.session.scalar(select(EffectRow).where(EffectRow.natural_key == key, live))
