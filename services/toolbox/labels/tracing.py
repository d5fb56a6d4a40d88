"""Where the arguments of a call come from, as they were sent: references, or somebody's words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from quartet.contracts.base import Fields, Json, Name, TaskId
from quartet.contracts.guard import Flag
from quartet.contracts.label import ANYONE, Label, Labels
from quartet.contracts.task import ANONYMOUS
from quartet.packs.reference import named
from quartet.packs.tool import Tool
from quartet.trust.labels import TOP, UNKNOWN, join, join_all, may_read, tree
from services.toolbox.tables import PlanRow, ValueRow

FLAGS = TypeAdapter(tuple[Flag, ...])
OF_THE_REQUESTER = Label(integrity="user", readers=(ANYONE,))


@dataclass(frozen=True)
class Tracing:
    """Labels of the arguments that one app-id sent for one task."""

    session: Session
    task: TaskId
    app_id: Name
    words: str
    """What an authenticated requester wrote, the goal; empty when nobody signed."""

    @cached_property
    def literal(self) -> Label:
        """The label of what the app-id wrote itself: for who may read all that it was shown."""
        seen = seen_by(self.session, self.task, self.app_id)
        return Label(integrity="untrusted-source", readers=seen.readers)

    def of_call(self, tool: Tool, sent: Fields) -> Label:
        """Return the label of what a tool is given: of its goal, only the whole is the user's."""
        return join_all(
            self._of_goal(part) if name in tool.origins.goal else self.of(part)
            for name, part in sent.items()
        )

    def _of_goal(self, sent: Json) -> Label:
        said = sent.strip() if isinstance(sent, str) else ""
        if said and said == self.words.strip():
            return OF_THE_REQUESTER
        return join(self.of(sent), self.literal)

    def of(self, sent: Json, path: Iterable[str] = ()) -> Label:
        """Return the label of a part of what was sent; of the whole without a path.

        What is not there was not sent: the tool's own default, TOP.
        """
        steps = tuple(path)
        if isinstance(sent, str) and (reference := named(sent)) is not None:
            value, inside = reference
            row = self.session.get(ValueRow, (self.task, value))
            labels = tree(labels_of(row) if row else {})
            return labels.at((*inside, *steps)).whole()
        if steps and isinstance(sent, dict):
            return self.of(sent[steps[0]], steps[1:]) if steps[0] in sent else TOP
        if isinstance(sent, dict | list):
            parts = sent.values() if isinstance(sent, dict) else sent
            return join_all(self.of(part, steps) for part in parts)
        return OF_THE_REQUESTER if _stands_in(sent, self.words) else self.literal


def tracing(session: Session, task: TaskId, app_id: Name) -> Tracing:
    """Return what traces the arguments that an agent sent."""
    plan = session.get(PlanRow, task)
    signed = plan is not None and plan.requester != ANONYMOUS
    return Tracing(session, task, app_id, plan.goal if plan and signed else "")


def seen_by(session: Session, task: TaskId, app_id: Name) -> Label:
    """Return the join of every field that tools have shown an agent in the course of a task.

    What its model answered was made of that, and adds nothing.
    """
    rows = session.scalars(
        select(ValueRow.labels).where(
            ValueRow.task == task, ValueRow.caller == app_id, ValueRow.producer != "models"
        )
    )
    labels = (label for row in rows for label in (_labels(row) or {"": UNKNOWN}).values())
    return join_all(label for label in labels if may_read(label, app_id))


def flags_in(session: Session, task: TaskId) -> tuple[Flag, ...]:
    """Return what guardrails found in all values of a task."""
    rows = session.scalars(select(ValueRow.flags).where(ValueRow.task == task))
    return tuple(dict.fromkeys(flag for row in rows if row for flag in FLAGS.validate_python(row)))


def labels_of(row: ValueRow) -> Labels:
    """Return the labels of a stored value; none for one from before there were labels."""
    return _labels(row.labels)


def _labels(stored: Fields) -> Labels:
    return {path: Label.model_validate(label) for path, label in stored.items()}


def _stands_in(literal: Json, words: str) -> bool:
    """Return whether a literal is written out, as a whole, in the requester's own words."""
    if literal is None or isinstance(literal, bool) or not (text := str(literal).strip()):
        return False
    whole = rf"(?<![\w.,@/-]){re.escape(text)}(?!\w|[.,@/-]\w)"
    return re.search(whole, words) is not None
