"""What a person is shown of a held call, gathered when it is held; how it looks is elsewhere."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from quartet.contracts.approval import Asked, Evidence, EvidenceField
from quartet.contracts.base import Json, Line, ValueId
from quartet.contracts.effect import Commit
from quartet.contracts.policy import Ruling
from quartet.contracts.work import Proposal
from quartet.packs.load import Pack
from quartet.packs.reference import named
from quartet.trust.labels import tree
from services.toolbox.approvals.rules import Rules
from services.toolbox.gate import Call
from services.toolbox.labels.tracing import labels_of
from services.toolbox.ledger import Entry
from services.toolbox.plans import plan_of
from services.toolbox.tables import PlanRow, ValueRow

Path = tuple[str, ...]


@dataclass(frozen=True)
class Matter:
    """A call that people may be asked about: how it came, what it is, what the policy says."""

    pack: Pack
    sent: Commit
    call: Call
    plan: PlanRow
    ruling: Ruling

    @property
    def proposal(self) -> Proposal:
        """The proposal that the call was made of."""
        return next(p for p in self.sent.result.proposals if p.slot == self.sent.slot)


def asked(entry: Entry, matter: Matter, rules: Rules) -> Asked:
    """Return everything that is shown of a call to those who decide it."""
    sent, call, ruling = matter.sent, matter.call, matter.ruling
    effect = call.effect
    amount = effect.amount(call.arguments) if effect.amount else None
    says = effect.says(call.arguments)[:400]
    return Asked(
        task=sent.task,
        subtask=sent.subtask,
        attempt=sent.attempt,
        slot=sent.slot,
        tool=call.tool.name,
        effect=says,
        amount=f"{amount.value:f}" if amount else None,
        currency=amount.currency if amount else None,
        counterparty=effect.counterparty(call.arguments)[:500] if effect.counterparty else "",
        reversible=effect.reversible,
        call=call.plain,
        call_digest=call.call_digest,
        tier=ruling.tier,
        approvers=max(ruling.approvers, 1),
        group=ruling.group,
        why=ruling.reasons,
        policies=ruling.policies,
        version=ruling.version,
        summary=sent.result.summary,
        reason=matter.proposal.reason,
        confidence=sent.result.confidence,
        asks=sent.result.asks,
        evidence=tuple(_evidence(entry, matter)),
        alternatives=tuple(_alternatives(matter)),
        on_reject=_on_reject(sent),
        on_expiry="It is not done and the task goes on without it, as after a rejection.",
        requester=matter.plan.requester,
        tenant=matter.plan.tenant,
        asked_at=entry.now,
        expires_at=entry.now + rules.expires_after,
    )


def _on_reject(sent: Commit) -> Line:
    return (
        "It is not done and the task goes on without it. With guidance, subtask "
        f"{sent.subtask} is worked on once more, if an attempt is left, and asks again."
    )


def _evidence(entry: Entry, matter: Matter) -> Iterator[Evidence]:
    """Give the values that the call refers to, then the others that the result rests on."""
    used: dict[ValueId, set[Path]] = defaultdict(set)
    for value, path in _used(matter):
        used[value].add(path)
    for value in dict.fromkeys((*used, *matter.sent.result.values)):
        row = entry.session.get(ValueRow, (matter.sent.task, value))
        if row is not None:
            labels = tree(labels_of(row))
            yield Evidence(
                value=value,
                tool=row.tool,
                producer=row.producer,
                integrity=labels.whole().integrity,
                fields=tuple(
                    EvidenceField(path=".".join(path), integrity=labels.at(path).whole().integrity)
                    for path in sorted(used[value])
                ),
            )


def _used(matter: Matter) -> Iterator[tuple[ValueId, Path]]:
    """Give what is used of which value; of one that is used whole, its critical fields."""
    critical = [tuple(one.path.split(".")) for one in matter.call.effect.critical]
    for name, sent in matter.proposal.arguments.items():
        inner = [path[1:] for path in critical if path[0] == name]
        for value, inside in _references(sent):
            yield from ((value, (*inside, *path)) for path in inner or [()])


def _references(sent: Json) -> Iterator[tuple[ValueId, Path]]:
    """Give each referenced value with the path inside it."""
    if isinstance(sent, dict | list):
        for part in sent.values() if isinstance(sent, dict) else sent:
            yield from _references(part)
    elif isinstance(sent, str) and (found := named(sent)) is not None:
        yield found[0], tuple(found[1])


def _alternatives(matter: Matter) -> Iterator[Line]:
    """Give what else the plan lets this slot come to; rejecting with guidance asks for it."""
    sent = matter.sent
    subtask = next(s for s in plan_of(matter.plan).subtasks if s.id == sent.subtask)
    slot = next(s for s in subtask.slots if s.number == sent.slot)
    for name in slot.tools:
        tool = matter.pack.tools.get(name)
        if tool is not None and name != matter.call.tool.name:
            yield f"{name}: {tool.description.strip().splitlines()[0]}"[:500]
