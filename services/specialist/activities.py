"""One turn of a specialist: its conversation is kept by reference in a Dapr state store."""

from dataclasses import dataclass

from quartet.agents.conversation import kept, recalled
from quartet.agents.loop import Brief, take_turn
from quartet.contracts.base import Fields
from quartet.contracts.chat import Purpose
from quartet.contracts.work import Turn, TurnEnd, Worked, WorkOrder, WorkResult
from quartet.packs.load import Pack
from quartet.packs.manifest import Skill
from quartet.resilience.failures import Abandon, RetryNow
from quartet.sidecar.doors import ModelDoor, Step, ToolDoor
from quartet.sidecar.ports import Invoker, StateStore
from quartet.trust.chain import PROPOSAL, proposal_statement
from quartet.trust.digest import proposal_digest
from quartet.trust.keys import Signer


@dataclass(frozen=True)
class Specialist:
    """One specialist app-id of a pack, with its doors and its conversations."""

    app_id: str
    pack: Pack
    invoker: Invoker
    conversations: StateStore
    signer: Signer

    def take_turn(self, turn: Turn) -> TurnEnd:
        """Ask for one completion and run the read tools it asks for; give the result, if any."""
        order = turn.order
        skill = self._skill(order)
        brief = Brief(
            prompt=self.pack.text(skill.prompt),
            material=_material(order),
            tools={name: self.pack.tools[name] for name in skill.tools},
            answer=WorkResult,
        )
        key = f"{order.task}.{order.subtask.id}.{order.attempt}"
        said = recalled(self.conversations, key, turn.number) or brief.opening()
        purpose = Purpose(
            task=order.task,
            subtask=order.subtask.id,
            attempt=order.attempt,
            turn=turn.number,
            skill=f"specialist.{skill.kind}",
        )
        step = Step(self.invoker, order.task, order.subtask.id, order.attempt)
        taken = take_turn(brief, purpose, said, ModelDoor(step), ToolDoor(step))
        if taken.answer is None:
            kept(self.conversations, key, turn.number + 1, taken.said)
            return TurnEnd()
        check_result(taken.answer, order, skill)
        return TurnEnd(worked=self._signed(order, taken.answer))

    def _signed(self, order: WorkOrder, result: WorkResult) -> Worked:
        named = proposal_digest(order.plan, order.task, order.subtask.id, order.attempt, result)
        statement = proposal_statement(order.task, order.plan, named)
        return Worked(result=result, signature=self.signer.sign(statement, PROPOSAL))

    def _skill(self, order: WorkOrder) -> Skill:
        skill = self.pack.skill(order.subtask.kind)
        runners = self.pack.runners(skill.kind)
        if self.app_id not in runners:
            raise Abandon(
                f"{self.app_id} does not run kind {skill.kind!r}; {' and '.join(runners)} may.",
                cause="data",
                title="NoSpecialistAvailable",
            )
        return skill


def check_result(result: WorkResult, order: WorkOrder, skill: Skill) -> None:
    """Raise RetryNow (cause model) for a decision or proposal that the subtask does not have."""
    slots = {slot.number: slot.tools for slot in order.subtask.slots}
    wrong = [
        f"proposal for slot {p.slot} with {p.tool!r}"
        for p in result.proposals
        if p.tool not in slots.get(p.slot, ())
    ]
    if result.decision not in skill.decisions:
        wrong.append(f"decision {result.decision!r}, not one of {', '.join(skill.decisions)}")
    if wrong:
        raise RetryNow(
            f"The model's result for {order.subtask.id!r} does not fit it: {'; '.join(wrong)}.",
            cause="model",
            title="ModelAnswerRefused",
        )


def _material(order: WorkOrder) -> Fields:
    return {
        "subtask": order.subtask.model_dump(mode="json"),
        "attempt": order.attempt,
        "given": [g.model_dump(mode="json") for g in order.given],
        "feedback": order.feedback,
    }
