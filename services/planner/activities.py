"""The planner's steps: one completion each; the plan is checked by the coordinator."""

from dataclasses import dataclass
from typing import TypeVar

from quartet.agents.loop import Brief, parse
from quartet.contracts.base import Contract, Fields
from quartet.contracts.chat import Purpose
from quartet.contracts.plan import Plan
from quartet.contracts.remote import PlanOrder, Synthesis, SynthesisOrder
from quartet.contracts.task import Task
from quartet.packs.load import Pack
from quartet.packs.manifest import Skill
from quartet.sidecar.doors import ModelDoor, Step
from quartet.sidecar.ports import Invoker

Answer = TypeVar("Answer", bound=Contract)


@dataclass(frozen=True)
class Planner:
    """The planner of one pack, with its way to models."""

    pack: Pack
    invoker: Invoker

    def draft_plan(self, order: PlanOrder) -> Plan:
        """Return a plan for the task; after a refused one, mended."""
        material: Fields = {
            "task": _task(order.task),
            "kinds": [_kind(s) for s in self.pack.manifest.skills],
            "tools": [*sorted(self.pack.of_kind("write"))],
            "refused": [r.model_dump(mode="json") for r in order.refused],
        }
        prompt = self.pack.text(self.pack.manifest.plan_prompt)
        return self._ask("draft_plan", order.task, Brief(prompt, material, {}, Plan))

    def synthesize(self, order: SynthesisOrder) -> Synthesis:
        """Return what the task came to, in one line."""
        material: Fields = {
            "task": _task(order.task),
            "subtasks": [s.model_dump(mode="json") for s in order.subtasks],
        }
        prompt = self.pack.text(self.pack.manifest.synthesis_prompt)
        return self._ask("synthesize", order.task, Brief(prompt, material, {}, Synthesis))

    def _ask(self, skill: str, task: Task, brief: Brief[Answer]) -> Answer:
        purpose = Purpose(task=task.id, subtask="plan", attempt=0, turn=0, skill=f"planner.{skill}")
        model = ModelDoor(Step(self.invoker, task.id, purpose.subtask, purpose.attempt))
        got = model.complete(brief.request(purpose, brief.opening()))
        return parse(got.message.content, brief.answer)


def _task(task: Task) -> Fields:
    documents: list[Fields] = [
        d.model_dump(mode="json", include={"digest", "media_type", "size"}) for d in task.documents
    ]
    return {"goal": task.goal, "documents": [*documents]}


def _kind(skill: Skill) -> Fields:
    return {
        "kind": skill.kind,
        "about": skill.about,
        "decisions": [*skill.decisions],
        "may_propose": [*skill.may_propose],
    }
