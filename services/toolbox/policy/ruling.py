"""The ruling on one resolved call, from the policy of the suite and that of the pack."""

from decimal import Decimal

from quartet.contracts.policy import Ruling
from quartet.contracts.task import ANONYMOUS
from quartet.packs.load import Pack
from services.toolbox.gate import Call
from services.toolbox.labels.facts import Facts
from services.toolbox.ledger import Entry
from services.toolbox.tables import PlanRow


def rule(entry: Entry, pack: Pack, call: Call, plan: PlanRow, known: Facts) -> Ruling:
    """Return the tier of a call and why; pure but for what it reads of the ledger."""
    del entry, known
    why = _why_held(pack, call, plan.requester)
    if why is None:
        return Ruling(tier="autonomous")
    return Ruling(tier="approve", approvers=1, reasons=(why,))


def _why_held(pack: Pack, call: Call, requester: str) -> str | None:
    """Return why a person has to approve this call; None when it may act by itself."""
    if requester == ANONYMOUS:
        return "nobody signed the task, and effects for anonymous are never autonomous"
    limits = pack.manifest.tiers[call.tool.name].autonomous_up_to
    if limits is None:
        return None
    if call.effect.amount is None:
        return f"{call.tool.name} states no amount to hold against its limit"
    amount = call.effect.amount(call.arguments)
    limit = limits.get(amount.currency)
    if limit is None:
        return f"{amount.value} {amount.currency}: no autonomous limit in this currency"
    if amount.value > Decimal(limit):
        return f"{amount.value} {amount.currency} is above the autonomous limit of {limit}"
    return None
