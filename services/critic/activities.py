"""One turn of a review; the first verdict stored for a proposal digest is the one published."""

from dataclasses import dataclass

from quartet.agents.conversation import kept, recalled
from quartet.agents.loop import Brief, take_turn
from quartet.contracts.base import Fields
from quartet.contracts.budget import EXCEEDED
from quartet.contracts.chat import Purpose
from quartet.contracts.failure import Failure
from quartet.contracts.work import ReviewOrder, Verdict
from quartet.packs.load import Pack
from quartet.resilience.failures import Abandon
from quartet.sidecar.doors import ModelDoor, Step, ToolDoor
from quartet.sidecar.ports import Invoker, Publisher, StateStore
from quartet.trust.chain import VERDICT, check, proposal_statement, verdict_statement
from quartet.trust.digest import proposal_digest
from quartet.trust.keys import Keyring, Signer
from quartet.trust.signing import NotGenuine
from services.critic.messages import GivenUp, Judgement, ReviewEnd, ReviewTurn


@dataclass(frozen=True)
class Critic:
    """The critic of one pack, with its doors, its conversations and its verdicts."""

    pack: Pack
    invoker: Invoker
    publisher: Publisher
    conversations: StateStore
    verdicts: StateStore
    signer: Signer

    def take_review_turn(self, turn: ReviewTurn) -> ReviewEnd:
        """Ask for one completion; store and publish the verdict when it is one."""
        order = turn.order
        verdict = self._stored(order) if turn.number == 0 else None
        if verdict is None:
            verdict = self._asked(turn)
        return ReviewEnd() if verdict is None else self._told(verdict)

    def give_up(self, given_up: GivenUp) -> ReviewEnd:
        """Reject what could not be judged, unless there is a verdict already."""
        says = f"The critic came to no judgement: {given_up.failure.detail}"
        judgement = Judgement(decision="reject", reasons=(says[:500],))
        failure = given_up.failure if given_up.failure.title == EXCEEDED else None
        return self._told(self._first(given_up.order, judgement, failure))

    def _told(self, verdict: Verdict) -> ReviewEnd:
        digest = verdict.proposal_digest[7:15]
        event = f"{verdict.task}.{verdict.subtask}.{verdict.attempt}.{digest}"
        self.publisher.publish("subtask-reviewed", event, verdict)
        return ReviewEnd(verdict=verdict)

    def _stored(self, order: ReviewOrder) -> Verdict | None:
        found = self.verdicts.get(key_of(order))
        return None if found is None else Verdict.model_validate(found)

    def _asked(self, turn: ReviewTurn) -> Verdict | None:
        """Ask for one completion; a result whose evidence is not there is revised unasked."""
        work = turn.order.order
        skill = self.pack.skill(work.subtask.kind)
        step = Step(self.invoker, work.task, work.subtask.id, work.attempt)
        tools = ToolDoor(step)
        try:
            material = _material(turn.order, tools) if turn.number == 0 else {}
        except Abandon as error:
            if error.failure.cause != "data":
                raise
            lost = Judgement(decision="revise", reasons=(error.failure.detail[:500],))
            return self._first(turn.order, lost)
        brief = Brief(
            prompt=self.pack.text(skill.review_prompt),
            material=material,
            tools={name: self.pack.tools[name] for name in skill.tools},
            answer=Judgement,
        )
        key = f"review.{key_of(turn.order)}"
        said = recalled(self.conversations, key, turn.number) or brief.opening()
        purpose = Purpose(
            task=work.task,
            subtask=work.subtask.id,
            attempt=work.attempt,
            turn=turn.number,
            skill=f"critic.{skill.kind}",
        )
        taken = take_turn(brief, purpose, said, ModelDoor(step), tools)
        if taken.answer is not None:
            return self._first(turn.order, taken.answer)
        kept(self.conversations, key, turn.number + 1, taken.said)
        return None

    def _first(
        self, order: ReviewOrder, judgement: Judgement, failure: Failure | None = None
    ) -> Verdict:
        verdict = Verdict(
            task=order.order.task,
            subtask=order.order.subtask.id,
            attempt=order.order.attempt,
            proposal_digest=order.proposal_digest,
            decision=judgement.decision,
            reasons=judgement.reasons,
            failure=failure,
        )
        signature = self.signer.sign(verdict_statement(verdict), VERDICT)
        verdict = verdict.model_copy(update={"signature": signature})
        first = self.verdicts.put_first(key_of(order), verdict.model_dump(mode="json"))
        return Verdict.model_validate(first)


def key_of(order: ReviewOrder) -> str:
    """Return the key of a review: task, subtask, attempt, proposal digest."""
    work = order.order
    return f"{work.task}.{work.subtask.id}.{work.attempt}.{order.proposal_digest[7:39]}"


def check_order(order: ReviewOrder, pack: Pack, keyring: Keyring) -> None:
    """Raise Abandon unless the digest is that of the result, and signed by its specialist."""
    work = order.order
    named = proposal_digest(work.plan, work.task, work.subtask.id, work.attempt, order.result)
    if named != order.proposal_digest:
        raise Abandon(
            f"The proposal digest of {work.subtask.id!r} is not that of its result.",
            cause="policy",
            title="DigestMismatch",
        )
    if order.by not in pack.runners(work.subtask.kind):
        raise Abandon(
            f"{order.by} may not work on {work.subtask.id!r}: it does not run "
            f"{work.subtask.kind!r}.",
            cause="policy",
            title="NoSuchAgent",
        )
    statement = proposal_statement(work.task, work.plan, named)
    try:
        check(keyring, order.signature, statement, order.by)
    except NotGenuine as error:
        raise Abandon(
            f"The result of {work.subtask.id!r} is not signed by its specialist: {error}.",
            cause="policy",
            title="ProposalNotSigned",
        ) from error


def _material(order: ReviewOrder, tools: ToolDoor) -> Fields:
    evidence = [tools.value(v).model_dump(mode="json") for v in order.result.values]
    return {"review": order.model_dump(mode="json"), "evidence": [*evidence]}
