"""Calls that the toolbox makes itself: reserved and settled in the transaction that makes them."""

from quartet.contracts.base import Name
from quartet.contracts.budget import ASKED, Reserve
from quartet.contracts.effect import Commit, ToolCall
from quartet.packs.load import Pack
from quartet.packs.manifest import Manifest
from quartet.packs.tool import Tool
from quartet.resilience.failures import Failing
from quartet.trust.digest import digest
from services.toolbox.budgets.ending import end_at_worst
from services.toolbox.budgets.opening import budgeted
from services.toolbox.budgets.reserving import note_asked, reserve
from services.toolbox.gate import Call
from services.toolbox.ledger import Entry
from services.toolbox.plans import agent_of
from services.toolbox.tables import PlanRow

AT_ONCE_S = 1.0


def charge(entry: Entry, manifest: Manifest, sent: Reserve) -> Failing | None:
    """Spend what a call costs by its tool's own word; return why it may not be made."""
    reserved = reserve(entry, manifest, "toolbox", sent)
    if isinstance(reserved, Failing):
        return reserved
    end_at_worst(entry, reserved.reservation)
    return None


def read_call(caller: Name, tool: Tool, sent: ToolCall) -> Reserve:
    """Return the call of a trusted read tool as it is charged."""
    return Reserve(
        task=sent.task,
        subtask=sent.subtask,
        attempt=sent.attempt,
        caller=caller,
        kind="tool",
        name=tool.name,
        arguments_digest=digest(sent.arguments),
        cost_usd=tool.cost_usd,
        timeout_s=AT_ONCE_S,
    )


def charge_effect(entry: Entry, pack: Pack, sent: Commit, call: Call, plan: PlanRow) -> None:
    """Charge an effect to the agent that proposed it; raises Failing when it does not fit."""
    charged = Reserve(
        task=sent.task,
        subtask=sent.subtask,
        attempt=sent.attempt,
        caller=agent_of(plan, pack, sent.subtask),
        kind="tool",
        name=call.tool.name,
        arguments_digest=call.call_digest,
        cost_usd=call.tool.cost_usd,
        timeout_s=AT_ONCE_S,
    )
    refused = charge(entry, pack.manifest, charged)
    if refused is not None:
        raise refused


def note_refused(entry: Entry, sent: Commit, refused: Failing) -> None:
    """Keep that a person is asked, which the refused effect's own transaction could not."""
    if refused.failure.title == ASKED:
        note_asked(entry, budgeted(entry, sent.task), refused.failure.detail)
