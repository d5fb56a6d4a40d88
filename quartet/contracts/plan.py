"""A plan: a DAG of subtasks with the effects each may come to, and the check that it is one."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints

from quartet.contracts.base import Contract, Digest, Line, Name
from quartet.contracts.failure import Refusal
from quartet.contracts.task import MAX_SUBTASKS, Limits
from quartet.contracts.text import Legible

ANY = Limits()
Goal = Annotated[str, StringConstraints(min_length=1, max_length=1000), Legible]


@dataclass(frozen=True)
class Kind:
    """What a pack says of one kind of subtask."""

    may_propose: Collection[str] = ()
    decisions: Collection[str] = ()


class Slot(Contract):
    """One effect that a subtask may come to: exactly one of ``tools``, at most once.

    Slots are numbered across the plan; the effect key is (task, slot).
    """

    number: int = Field(ge=1, le=1000)
    tools: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10)]


class Condition(Contract):
    """The subtask runs only if the accepted result of ``subtask`` decided one of ``decisions``."""

    subtask: Name
    decisions: Annotated[tuple[Name, ...], Field(min_length=1)]


class Subtask(Contract):
    """One node of the plan. ``documents`` and ``depends_on`` are its inputs, by reference."""

    id: Name
    kind: Name
    goal: Goal
    documents: tuple[Digest, ...] = ()
    depends_on: tuple[Name, ...] = ()
    when: tuple[Condition, ...] = ()
    acceptance: Line = ""
    slots: tuple[Slot, ...] = ()


class Plan(Contract):
    """What a task will do, fixed before any untrusted content is read."""

    subtasks: Annotated[tuple[Subtask, ...], Field(min_length=1, max_length=MAX_SUBTASKS)]

    def ready(self, ended: Collection[str], started: Collection[str]) -> tuple[Subtask, ...]:
        """Return the subtasks not started whose dependencies have all ended."""
        return tuple(
            s
            for s in self.subtasks
            if s.id not in started and all(d in ended for d in s.depends_on)
        )

    def problems(
        self,
        kinds: Mapping[str, Kind],
        tools: Collection[str],
        documents: Collection[str],
        limits: Limits = ANY,
    ) -> tuple[Refusal, ...]:
        """Return every reason why this is not a valid plan; none for a valid one.

        ``kinds`` says of each kind of subtask what it may propose and decide; ``limits`` are
        those of the task.
        """
        return (
            *self._names(kinds, tools, documents),
            *self._graph(limits),
            *self._conditions(kinds),
            *self._slots(),
        )

    def _names(
        self,
        kinds: Mapping[str, Kind],
        tools: Collection[str],
        documents: Collection[str],
    ) -> Iterator[Refusal]:
        ids = [s.id for s in self.subtasks]
        for s in self.subtasks:
            if ids.count(s.id) > 1:
                yield Refusal(about=s.id, says=f"Two subtasks are named {s.id!r}.")
            if s.kind not in kinds:
                have = ", ".join(sorted(kinds))[:300]
                yield Refusal(
                    about=s.id,
                    says=f"NoSpecialistAvailable: no specialist for kind {s.kind!r}; have {have}.",
                )
            may = kinds[s.kind].may_propose if s.kind in kinds else tools
            wanted = {t for slot in s.slots for t in slot.tools}
            for name in sorted(wanted - set(tools)):
                yield Refusal(about=s.id, says=f"No write tool is named {name!r}.")
            for name in sorted(wanted & set(tools) - set(may)):
                yield Refusal(about=s.id, says=f"Kind {s.kind!r} may not propose {name!r}.")
            for digest in sorted(set(s.documents) - set(documents)):
                yield Refusal(about=s.id, says=f"The task has no document {digest}.")

    def _graph(self, limits: Limits) -> Iterator[Refusal]:
        if (count := len(self.subtasks)) > limits.subtasks:
            yield Refusal(says=f"The plan has {count} subtasks; at most {limits.subtasks}.")
        ids = {s.id for s in self.subtasks}
        for s in self.subtasks:
            for name in sorted(set(s.depends_on) - ids):
                yield Refusal(about=s.id, says=f"{s.id!r} depends on unknown {name!r}.")
        ended: set[str] = set()
        depth = 0
        while layer := {s.id for s in self.ready(ended, ended)}:
            ended |= layer
            depth += 1
        if rest := sorted(ids - ended):
            named = ", ".join(rest)[:400]
            yield Refusal(says=f"The plan has a cycle or waits for ever: {named}.")
        if depth > limits.depth:
            yield Refusal(says=f"The plan is {depth} layers deep; at most {limits.depth}.")

    def _conditions(self, kinds: Mapping[str, Kind]) -> Iterator[Refusal]:
        decides = {s.id: kinds[s.kind].decisions for s in self.subtasks if s.kind in kinds}
        for s in self.subtasks:
            for name in sorted({c.subtask for c in s.when} - set(s.depends_on)):
                says = f"The condition of {s.id!r} reads {name!r}, which it does not depend on."
                yield Refusal(about=s.id, says=says)
            for c in s.when:
                for decision in sorted(set(c.decisions) - set(decides.get(c.subtask, c.decisions))):
                    says = f"{c.subtask!r} never decides {decision!r}, which {s.id!r} waits for."
                    yield Refusal(about=s.id, says=says[:500])

    def _slots(self) -> Iterator[Refusal]:
        numbers = [slot.number for s in self.subtasks for slot in s.slots]
        if len(numbers) != len(set(numbers)):
            yield Refusal(says="Two effect slots have the same number.")
