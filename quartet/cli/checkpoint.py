"""The checkpoint of a task for people: intent, where it is, what was said, found and made."""

import json
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from quartet.cli.speech import plain
from quartet.contracts.base import Fields, Json
from quartet.contracts.story import (
    CheckpointView,
    Conversation,
    Resource,
    Step,
    TaskIntent,
    ToolResult,
    Undoing,
)

MOST = 1500
"""Characters of one message or result that are shown; --json gives them whole."""
UNDO: dict[Undoing, str] = {
    "by-compensation": "undone when the task is cancelled",
    "by-hand": "only a person can undo it",
    "nothing": "nothing to undo",
}
Pair = tuple[str, str]


def checkpoint(view: CheckpointView) -> Group:
    """Return the five parts of a checkpoint."""
    return Group(
        Text(view.id, style="bold"),
        *_part("intent and constraints", [_rows(_intent(view.intent))]),
        *_part("current sub-goals and reasoning", map(_step, view.current)),
        *_part("messages", map(_conversation, view.messages)),
        *_part("tool results", map(_result, view.results)),
        *_part("external resources", map(_resource, view.resources)),
    )


def _part(title: str, shown: Iterable[RenderableType]) -> list[RenderableType]:
    parts: list[RenderableType] = [Padding(one, (0, 0, 0, 2)) for one in shown]
    return [Text(), Text(title, style="bold"), *(parts or [Text("  none", style="dim")])]


def _intent(intent: TaskIntent) -> Iterator[Pair]:
    task, limits = intent.task, intent.task.limits
    yield "goal", task.goal
    yield "requester", task.requester
    yield from (("document", f"{d.name} {d.digest}") for d in task.documents)
    yield "limits", f"{limits.deadline_s} s, {limits.attempts} attempts, {limits.turns} turns"
    yield "deadline", intent.deadline or "none: time stands still while a person is asked"
    for subtask in intent.plan.subtasks if intent.plan else ():
        may = ", ".join(f"slot {s.number}: {' or '.join(s.tools)}" for s in subtask.slots)
        yield "plan", f"{subtask.id} ({subtask.kind}) {subtask.goal} [{may or 'no effect'}]"


def _step(step: Step) -> RenderableType:
    rows = [
        (step.subtask, f"{step.state}, attempt {step.attempt}: {step.goal}"),
        ("reasoning", step.reasoning),
        ("review", step.review),
        ("feedback", step.feedback),
    ]
    return _rows((name, value) for name, value in rows if value)


def _conversation(said: Conversation) -> RenderableType:
    title = f"{said.subtask}, attempt {said.attempt}, {said.by} as {said.skill}: {said.turns} turns"
    return Group(Text(title), _rows(_message(message) for message in said.messages))


def _message(message: Fields) -> Pair:
    content = message.get("content")
    calls = message.get("tool_calls")
    told = str(content) if content else _shown(calls) if calls else ""
    return str(message.get("role", "")), _cut(told)


def _result(result: ToolResult) -> RenderableType:
    title = f"{result.value}  {result.tool} for {result.by} in {result.subtask}"
    asked, got = _cut(_shown(result.arguments)), _cut(_shown(result.result))
    return Group(Text(title), _rows([("asked", asked), ("got", got)]))


def _resource(made: Resource) -> RenderableType:
    title = f"slot {made.slot}  {made.tool} {made.status} {made.made_at[:19]}"
    return Group(Text(title), _rows([("what", made.says), ("undo", UNDO[made.undo])]))


def _shown(content: Json) -> str:
    return json.dumps(content, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:MOST]} ... ({len(text)} characters)"


def _rows(pairs: Iterable[Pair]) -> RenderableType:
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(width=10, style="dim")
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(plain(name), Text(plain(value)))
    return Padding(made, (0, 0, 0, 2))
