"""A task as the ledger can tell it: conversations and arguments by reference, results, effects."""

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from quartet.contracts.base import Digest, Fields, Json, TaskId
from quartet.contracts.person import Person
from quartet.contracts.story import Conversation, Resource, TaskStory, ToolResult, Undoing
from quartet.packs.load import Pack
from services.toolbox.audit.contents import asked_of
from services.toolbox.audit.tables import RequesterRow
from services.toolbox.refusals import NotThere
from services.toolbox.tables import AuditRow, EffectRow, ManualCaseRow, PlanRow, ValueRow

_MODELS = "models"
Asked = dict[str, Digest | None]
"""The digest of what was asked, by the value that it gave."""


def story(session: Session, pack: Pack, task: TaskId) -> TaskStory:
    """Return what is on record about a task; nothing is changed."""
    query = select(ValueRow).where(ValueRow.task == task).order_by(ValueRow.stored_at, ValueRow.id)
    values = session.scalars(query).all()
    asked = _asked(session, task)
    effects = session.scalars(
        select(EffectRow).where(EffectRow.task == task).order_by(EffectRow.slot)
    )
    return TaskStory(
        messages=tuple(
            _conversations(session, [v for v in values if v.producer == _MODELS], asked)
        ),
        results=tuple(_result(session, v, asked) for v in values if v.producer != _MODELS),
        resources=tuple(_resource(session, pack, row) for row in effects),
    )


def check_seen(session: Session, task: TaskId, person: Person) -> None:
    """Raise NotThere for a task that the person does not see, or that nobody knows."""
    known = session.get(PlanRow, task) or session.get(RequesterRow, task)
    if known is None or not person.sees(known.tenant, known.requester):
        raise NotThere(f"Nothing is on record about a task {task}.", "UnknownTask")


def _asked(session: Session, task: TaskId) -> Asked:
    query = select(AuditRow.record).where(AuditRow.task == task, AuditRow.kind == "value-stored")
    bodies = [json.loads(record)["body"] for record in session.scalars(query)]
    return {body["value"]: body.get("asked") for body in bodies}


def _conversations(
    session: Session, answers: list[ValueRow], asked: Asked
) -> Iterator[Conversation]:
    """Give each conversation once: its newest prompt repeats all that was said before."""
    turns: dict[tuple[str, int, str, str], list[ValueRow]] = {}
    for answer in answers:
        key = (answer.subtask, answer.attempt, answer.caller, answer.tool)
        turns.setdefault(key, []).append(answer)
    for (subtask, attempt, by, skill), said in turns.items():
        prompt = _content(session, asked.get(said[-1].id))
        before = prompt.get("messages") or [] if isinstance(prompt, dict) else []
        yield Conversation(
            subtask=subtask,
            attempt=attempt,
            by=by,
            skill=skill,
            turns=len(said),
            messages=tuple(m for m in (*_list(before), _message(said[-1])) if m),
        )


def _list(found: Json) -> list[Any]:
    return found if isinstance(found, list) else []


def _message(answer: ValueRow) -> Fields:
    message = answer.content.get("message") if isinstance(answer.content, dict) else None
    return message if isinstance(message, dict) else {}


def _content(session: Session, named: Digest | None) -> Json:
    return asked_of(session, named) if named else None


def _result(session: Session, row: ValueRow, asked: Asked) -> ToolResult:
    return ToolResult(
        value=row.id,
        subtask=row.subtask,
        attempt=row.attempt,
        tool=row.tool,
        by=row.caller,
        arguments=_content(session, asked.get(row.id)),
        arguments_digest=row.arguments_digest,
        result=row.content,
    )


def _resource(session: Session, pack: Pack, row: EffectRow) -> Resource:
    return Resource(
        slot=row.slot,
        subtask=row.subtask,
        tool=row.tool,
        status=row.status,
        says=row.says,
        natural_key=row.natural_key,
        made_at=row.claimed_at.isoformat(),
        undo=_undo(session, pack, row),
    )


def _undo(session: Session, pack: Pack, row: EffectRow) -> Undoing:
    if row.status not in ("applied", "held"):
        return "nothing"
    listed = session.get(ManualCaseRow, (row.task, row.slot, "not-undone")) is not None
    tool = pack.tools.get(row.tool)
    undoes = tool is not None and tool.effect is not None and tool.effect.compensate is not None
    return "by-compensation" if row.status == "held" or (undoes and not listed) else "by-hand"
