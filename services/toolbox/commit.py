"""Carrying out a reviewed proposal in one transaction; what each check decides is in gate."""

from quartet.contracts.base import Fields
from quartet.contracts.effect import Commit, EffectStatus, Outcome
from quartet.contracts.policy import Ruling
from quartet.packs.load import Pack
from quartet.resilience.failures import Failing
from services.toolbox import gate
from services.toolbox.approvals.asking import ask, granted
from services.toolbox.labels.facts import facts
from services.toolbox.ledger import Books, Entry, Ledger
from services.toolbox.plans import locked
from services.toolbox.policy.ruling import rule
from services.toolbox.tables import EffectRow


def commit(ledger: Ledger, pack: Pack, sent: Commit) -> Outcome:
    """Return what becomes of the effect key, applying its effect at most once, ever.

    Raises Failing when the gate or the tool refuses: nothing is applied, the refusal is audited.
    """
    try:
        return ledger.settled(lambda entry: _through(entry, pack, sent))
    except Failing as error:
        if error.failure.title != "LedgerAway":
            with ledger.write() as entry:
                body = sent.model_dump(mode="json", exclude={"task"})
                body["failure"] = error.failure.model_dump(mode="json", exclude={"after_s"})
                entry.record("toolbox", "commit-refused", sent.task, body)
        raise


def _through(entry: Entry, pack: Pack, sent: Commit) -> Outcome:
    plan = locked(entry, sent.task)
    call = gate.normal_form(entry, pack, sent)
    if (row := gate.stored(entry, sent, call)) is not None:
        return outcome_of(row)
    gate.check_verdict(sent, call)
    plan = gate.check_slot(sent, call, plan)
    ruling = rule(entry, pack, call, plan, facts(entry, pack, sent, call))
    key = gate.natural_key(call)
    if (first := gate.holder(entry, key)) is not None:
        return _duplicate(entry, sent, call, first)
    if not granted(entry, None, call, ruling):
        return _hold(entry, sent, call, key, ruling)
    return _apply(entry, sent, call, key)


def _apply(entry: Entry, sent: Commit, call: gate.Call, key: str | None) -> Outcome:
    row = _claim(entry, sent, call, "applied", key)
    row.says = call.effect.says(call.arguments)[:500]
    entry.session.flush()
    entry.record("toolbox", "effect-intended", sent.task, _intent(sent, call, key))
    result = call.tool.run(call.arguments, Books(entry, f"{sent.task}/{sent.slot}"))
    row.result = result.model_dump(mode="json")
    return _end(entry, row)


def _hold(entry: Entry, sent: Commit, call: gate.Call, key: str | None, ruling: Ruling) -> Outcome:
    row = _claim(entry, sent, call, "held", key)
    why = "; ".join(ruling.reasons)
    row.says = f"held for approval: {call.effect.says(call.arguments)} ({why})"[:500]
    entry.session.flush()
    ask(entry, row, ruling)
    entry.record("toolbox", "effect-intended", sent.task, _intent(sent, call, key))
    return _end(entry, row)


def _duplicate(entry: Entry, sent: Commit, call: gate.Call, first: EffectRow) -> Outcome:
    row = _claim(entry, sent, call, "duplicate", first.natural_key)
    row.duplicate_of = first.task
    row.says = f"duplicate of {first.task}: {first.says}"[:500]
    return _end(entry, row)


def _claim(
    entry: Entry, sent: Commit, call: gate.Call, status: EffectStatus, key: str | None
) -> EffectRow:
    """Take the effect key; a freed one is taken over, its past stays in the audit."""
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
        claimed_at=entry.now,
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
    """Return the stored outcome of an effect key."""
    return Outcome(
        task=row.task,
        slot=row.slot,
        tool=row.tool,
        status=row.status,
        says=row.says,
        proposal_digest=row.proposal_digest,
        call_digest=row.call_digest,
        natural_key=row.natural_key,
        duplicate_of=row.duplicate_of,
        result=row.result,
    )
