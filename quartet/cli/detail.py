"""One task in full, for people; what is shown comes from the console."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from quartet.cli.report import name_of, seconds
from quartet.cli.speech import cell, plain, table
from quartet.contracts.cost import AccountView
from quartet.contracts.failure import Failure
from quartet.contracts.view import SubtaskView, TaskView

Pair = tuple[str, str]


def detail(task: TaskView, budget: AccountView | None = None) -> Group:
    """Return a task with its subtasks, what it has cost if that is known, and its history."""
    head = Text.assemble((task.id, "bold"), "  ", plain(name_of(task)), "  ", cell(task.shown))
    parts: list[RenderableType] = [head, pairs([*_about(task), *_cost(budget)])]
    for subtask in task.subtasks:
        title = f"{subtask.kind} by {subtask.app_id}, attempt {subtask.attempt}: "
        parts += [
            Text(),
            Text.assemble((subtask.id, "bold"), "  ", title, cell(subtask.state)),
            pairs(list(_of_subtask(subtask))),
        ]
    if task.history:
        parts += [Text(), Text("history", style="bold"), Padding(_history(task), (0, 0, 0, 2))]
    return Group(*parts)


def _about(task: TaskView) -> Iterator[Pair]:
    yield "goal", task.goal
    yield "requester", task.requester
    if task.batch is not None:
        yield "batch", task.batch
    for document in task.documents:
        yield "document", f"{document.name} {document.digest} {document.size} bytes"
    yield "created", task.created
    yield "changed", f"{task.changed} ({seconds(task):.1f} s later)"
    if task.summary:
        yield "summary", task.summary
    yield from _failure(task.failure)
    for what in task.not_undone:
        yield "not undone", what


def _cost(budget: AccountView | None) -> Iterator[Pair]:
    if budget is None:
        return
    spent, limits = budget.spent, budget.limits
    calls = f"{spent.model_calls} model calls, {spent.tool_calls} tool calls"
    yield "cost", f"{spent.cost_usd} of {limits.cost_usd} USD, {spent.tokens} tokens, {calls}"
    if budget.waits_for:
        yield "waits for", budget.waits_for


def _of_subtask(subtask: SubtaskView) -> Iterator[Pair]:
    if subtask.decision:
        yield "decision", f"{subtask.decision}: {subtask.summary}"
    for finding in subtask.findings:
        holds = "holds" if finding.passed else "DOES NOT HOLD"
        yield "finding", f"{finding.name} {holds}: {finding.says}"
    if verdict := subtask.verdict:
        yield "verdict", f"{verdict.decision} by {verdict.by}: {' '.join(verdict.reasons)}"
    for outcome in subtask.outcomes:
        yield "outcome", f"{outcome.tool} {outcome.status}: {outcome.says}"
        if outcome.duplicate_of:
            yield "", f"the effect is there already, by task {outcome.duplicate_of}"
    yield from _failure(subtask.failure)


def _failure(failure: Failure | None) -> Iterator[Pair]:
    if failure:
        yield "failure", f"{failure.title}: {failure.detail} ({failure.cause}, {failure.advice})"


def pairs(named: list[Pair]) -> RenderableType:
    """Return names and values below each other."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(width=10, style="dim")
    made.add_column(overflow="fold")
    for name, value in named:
        made.add_row(name, Text(plain(value)))
    return Padding(made, (0, 0, 0, 2))


def _history(task: TaskView) -> Table:
    made = table("at", "subject", "from", "to", "why")
    made.show_header = False
    for move in task.history:
        made.add_row(
            move.at[11:23], plain(move.subject), move.before, cell(move.after), plain(move.why)
        )
    return made
