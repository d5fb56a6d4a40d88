"""Carrying out a reviewed proposal in one transaction; what each check decides is in gate."""

from quartet.contracts.base import Fields
from quartet.contracts.effect import Commit, EffectStatus, Outcome
from quartet.resilience.failures import Failing
from quartet.trust.sensitive import masked, masked_fields
from services.toolbox import gate
from services.toolbox.approvals.asking import ask, granted
from services.toolbox.approvals.ending import HELD, withdraw_effect
from services.toolbox.approvals.evidence import Matter
from services.toolbox.approvals.rules import Rules
from services.toolbox.budgets.charging import charge_effect, note_refused
from services.toolbox.governance import Governance
from services.toolbox.ledger import Books, Entry, Ledger, tenant_of
from services.toolbox.plans import locked
from services.toolbox.policy.caps import count
from services.toolbox.policy.live import InForce
from services.toolbox.policy.ruling import movement
from services.toolbox.policy.telling import tell
from services.toolbox.tables import EffectRow


def commit(ledger: Ledger, governance: Governance, sent: Commit) -> Outcome:
    """Return what becomes of the effect key, applying its effect at most once, ever.

    Raises Failing when the gate or the tool refuses: nothing is applied, the refusal is audited.
    """
    try:
        law = governance.policies.in_force(ledger)
        return ledger.settled(lambda entry: _through(entry, law, governance, sent))
    except Failing as error:
        if error.failure.advice == "retry-later":
            if error.failure.title != "LedgerAway":
                with ledger.write() as entry:
                    note_refused(entry, sent, error)
        else:
            with ledger.write() as entry:
                body = sent.model_dump(mode="json", exclude={"task"})
                body["failure"] = error.failure.model_dump(mode="json", exclude={"after_s"})
                entry.record("toolbox", "commit-refused", sent.task, body)
        raise


def _through(entry: Entry, law: InForce, governance: Governance, sent: Commit) -> Outcome:
    plan = locked(entry, sent.task)
    call = gate.normal_form(entry, law.pack, sent)
    if (row := gate.stored(entry, sent, call)) is not None and row.status != "held":
        return outcome_of(row)
    gate.check_verdict(sent, call)
    plan = gate.check_slot(sent, call, plan)
    ruling = governance.ruling(entry, law, sent, call, plan)
    matter, rules = Matter(law.pack, sent, call, plan, ruling), governance.rules
    if row is not None:
        return _held_before(entry, row, matter, rules)
    key = gate.natural_key(call)
    withdraw_effect(entry, sent.task, sent.slot, key)
    if (first := gate.holder(entry, key)) is not None:
        return _duplicate(entry, matter, first)
    if not granted(entry, None, matter, rules):
        return _hold(entry, matter, key, rules)
    return _apply(entry, matter, key)


def _held_before(entry: Entry, row: EffectRow, matter: Matter, rules: Rules) -> Outcome:
    """Go on with an effect that people were asked about: only the ledger's approval counts."""
    if not granted(entry, row, matter, rules):
        return outcome_of(row)
    row.status, row.tier = "applied", matter.ruling.tier
    row.policies = list(matter.ruling.policies)
    row.says = row.says.removeprefix(HELD)
    return _run(entry, row, matter)


def _apply(entry: Entry, matter: Matter, key: str | None) -> Outcome:
    sent, call = matter.sent, matter.call
    row = _claim(entry, matter, "applied", key)
    row.says = call.effect.says(call.arguments)[:500]
    entry.session.flush()
    entry.record("toolbox", "effect-intended", sent.task, _intent(sent, call, key))
    return _run(entry, row, matter)


def _run(entry: Entry, row: EffectRow, matter: Matter) -> Outcome:
    call = matter.call
    charge_effect(entry, matter.pack, matter.sent, call, matter.plan)
    books = Books(entry, f"{row.task}/{row.slot}", matter.plan.tenant)
    result = call.tool.run(call.arguments, books)
    row.result = result.model_dump(mode="json")
    if (moves := movement(matter.pack, call, matter.plan)) is not None:
        count(entry, row.task, row.slot, moves)
    if matter.ruling.tier == "notify":
        tell(entry, row, matter.ruling)
    return _end(entry, row)


def _hold(entry: Entry, matter: Matter, key: str | None, rules: Rules) -> Outcome:
    sent, call = matter.sent, matter.call
    row = _claim(entry, matter, "held", key)
    why = "; ".join(matter.ruling.reasons)
    row.says = f"{HELD}{call.effect.says(call.arguments)} ({why})"[:500]
    entry.session.flush()
    ask(entry, matter, rules)
    entry.record("toolbox", "effect-intended", sent.task, _intent(sent, call, key))
    return _end(entry, row)


def _duplicate(entry: Entry, matter: Matter, first: EffectRow) -> Outcome:
    """Answer a natural key that is taken; of another tenant's effect nothing more is told."""
    row = _claim(entry, matter, "duplicate", first.natural_key)
    row.says = "duplicate of an effect of another tenant"
    if tenant_of(entry.session, first.task) == matter.plan.tenant:
        row.duplicate_of = first.task
        row.says = f"duplicate of {first.task}: {first.says}"[:500]
    return _end(entry, row)


def _claim(entry: Entry, matter: Matter, status: EffectStatus, key: str | None) -> EffectRow:
    """Take the effect key; a freed one is taken over, its past stays in the audit."""
    sent, call = matter.sent, matter.call
    freed = entry.session.get(EffectRow, (sent.task, sent.slot))
    if freed is not None:
        entry.session.delete(freed)
        entry.session.flush()
    row = EffectRow(
        task=sent.task,
        slot=sent.slot,
        subtask=sent.subtask,
        attempt=sent.attempt,
        tool=call.tool.name,
        status=status,
        natural_key=key,
        proposal_digest=call.proposal_digest,
        call_digest=call.call_digest,
        arguments=call.plain,
        result={},
        says="",
        guidance="",
        claimed_at=entry.now,
        tier=matter.ruling.tier,
        policies=list(matter.ruling.policies),
    )
    entry.session.add(row)
    return row


def _intent(sent: Commit, call: gate.Call, key: str | None) -> Fields:
    return {
        "slot": sent.slot,
        "tool": call.tool.name,
        "arguments": call.plain,
        "proposal_digest": call.proposal_digest,
        "call_digest": call.call_digest,
        "natural_key": key,
        "verdict": sent.verdict.model_dump(mode="json"),
    }


def _end(entry: Entry, row: EffectRow) -> Outcome:
    if row.status != "held":
        row.ended_at = entry.now
    outcome = outcome_of(row)
    body = outcome.model_dump(mode="json", exclude={"task"})
    entry.record("toolbox", f"effect-{row.status}", row.task, body)
    entry.session.flush()
    return outcome


def outcome_of(row: EffectRow) -> Outcome:
    """Return the stored outcome of an effect key, as it may travel: account numbers are masked.

    The whole of it stays in the ledger.
    """
    return Outcome(
        task=row.task,
        slot=row.slot,
        tool=row.tool,
        status=row.status,
        says=masked(row.says),
        proposal_digest=row.proposal_digest,
        call_digest=row.call_digest,
        natural_key=row.natural_key,
        duplicate_of=row.duplicate_of,
        result=masked_fields(row.result),
        guidance=row.guidance,
        tier=row.tier,
        policies=tuple(row.policies or ()),
    )
