"""The verbs `quartet submit`, `quartet watch` and `quartet task ...`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from quartet.cli.checkpoint import checkpoint
from quartet.cli.console import Console, connect
from quartet.cli.detail import detail
from quartet.cli.inbox import Found, client_key, find
from quartet.cli.report import listing, manifest_of, report
from quartet.cli.sending import DEFAULT_GOAL, Manner, Sent, ask, send
from quartet.cli.signing_in import speaker
from quartet.cli.speech import (
    AsJson,
    Data,
    Told,
    cell,
    command,
    emit,
    note,
    one_line_errors,
    say,
    table,
    terminal,
)
from quartet.cli.spending import budget_of
from quartet.cli.waiting import Wanted, until_rest
from quartet.cli.watching import follow, summary
from quartet.contracts.base import Fields
from quartet.contracts.view import TaskView
from quartet.runtime.layout import DataFolder
from quartet.runtime.shape import shape_of

task_app = typer.Typer(help="Tasks: list, show, cancel.", no_args_is_help=True)
PATIENCE_S = 60.0

Batch = Annotated[str | None, typer.Option(help="Name of the batch (letters, digits, . _ : -).")]
TaskName = Annotated[str, typer.Argument(metavar="TASK", help="The id of a task, t-...")]


def submit(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Documents, and folders of .xml and .pdf files.")
    ] = None,
    batch: Batch = None,
    goal: Annotated[str, typer.Option(help="What to do with each document.")] = DEFAULT_GOAL,
    data: Data = None,
    *,
    anonymous: Annotated[
        bool,
        typer.Option("--anonymous", help="Submit as nobody: others decide about each effect."),
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Watch the tasks until they rest.")] = False,
    inline: Annotated[
        bool, typer.Option("--inline", help="Put the document into the event (256 KiB at most).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Submit documents, one task each; the same document in the same batch is the same task.

    A pack that takes no documents is told by --goal alone what to do.
    """
    folder = DataFolder.named(data)
    with one_line_errors():
        found = find(paths or ()) if paths or _takes_documents() else []
        who = None if anonymous else speaker(folder)
        key = None if anonymous or who else client_key(folder)
        manner = Manner(shape_of().pack, goal, batch, key, who, inline)
    tasks: list[TaskView] = []
    with one_line_errors(), connect(folder, PATIENCE_S) as console:
        sent = _sent(console, found, manner) if found else [ask(console, manner)]
        if not as_json:
            _show_sent(sent, batch, data)
        if wait:
            names = {s.task: s.document for s in sent}
            wanted = Wanted(tuple(names), batch, names)
            tasks = follow(until_rest(console, wanted), "progress", len(names))
    if as_json:
        answer: Fields = {"batch": batch, "submitted": [asdict(s) for s in sent]}
        emit(answer | {"tasks": [t.model_dump(mode="json") for t in tasks]} if wait else answer)
    elif wait:
        _show_end(tasks, data)


def _takes_documents() -> bool:
    return manifest_of(shape_of().pack).needs_documents != "none"


def watch(
    tasks: Annotated[list[str] | None, typer.Argument(metavar="[TASK]...")] = None,
    batch: Batch = None,
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Follow tasks until each has ended or waits for a person (--json: a line at each change)."""
    wanted = Wanted(tuple(dict.fromkeys(tasks or ())), batch)
    with one_line_errors(), connect(DataFolder.named(data), PATIENCE_S) as console:
        if not wanted.ids and batch is None:
            raise Told("Nothing to watch: name tasks, or a batch with --batch.")
        seen = follow(until_rest(console, wanted), "json" if as_json else "stdout")
    if not as_json:
        _show_end(seen, data)


@task_app.command("list")
def list_tasks(
    batch: Batch = None,
    state: Annotated[
        str | None, typer.Option(help="Only this state, such as running, waiting, failed.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="How many at most.")] = 200,
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List tasks, newest first."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        found = console.tasks(batch, state, most)
    if as_json:
        emit({"tasks": [t.model_dump(mode="json") for t in found]})
    elif found:
        terminal().print(listing(found))
    else:
        note("No task is like that. `quartet submit PATH...` submits documents.")


@task_app.command("show")
def show(
    task: TaskName,
    data: Data = None,
    *,
    whole: Annotated[
        bool,
        typer.Option("--checkpoint", help="Intent, sub-goals, messages, results, effects."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a task: its subtasks with findings, verdicts and outcomes, and its history."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        found = console.checkpoint(task) if whole else console.task(task)
        budget = None if whole or as_json else budget_of(console, task)
    if as_json:
        emit(found)
    elif isinstance(found, TaskView):
        terminal().print(detail(found, budget))
    else:
        terminal().print(checkpoint(found))


@task_app.command("cancel")
def cancel(
    task: TaskName,
    why: Annotated[str, typer.Option(help="Why; the history of the task keeps it.")],
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Cancel a task; effects that were applied are undone where that is possible."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        done = console.cancel(task, why)
    if as_json:
        emit(done)
    else:
        say(done.says)


def _sent(console: Console, found: Sequence[Found], manner: Manner) -> list[Sent]:
    screen = terminal(err=True)
    off = not screen.is_terminal
    steps = send(console, found, manner)
    return list(track(steps, "submitting", len(found), console=screen, transient=True, disable=off))


def _show_sent(sent: Sequence[Sent], batch: str | None, data: Path | None) -> None:
    made = table("document", "task", "")
    for one in sent:
        before = f"submitted before: {one.known}" if one.known else "new"
        made.add_row(cell(one.document), one.task, before)
    terminal().print(made)
    if any(one.known for one in sent):
        same = "in the same batch" if batch else "without a batch"
        note(f"The same document {same} is the same task; another --batch makes a new one.")
    what = f"--batch {batch}" if batch else " ".join(s.task for s in sent[:3])
    note(f"Go on with: {command()} watch {what}{_own(data)}")


def _own(data: Path | None) -> str:
    return f" --data {data}" if data else ""


def _show_end(tasks: Sequence[TaskView], data: Path | None) -> None:
    screen = terminal()
    for pack in sorted({t.pack for t in tasks}):
        columns = manifest_of(pack).report
        mine = [t for t in tasks if t.pack == pack]
        screen.print(report(columns, mine) if columns else listing(mine))
    screen.print(summary(list(tasks)))
    if waiting := [t for t in tasks if t.shown == "waiting"]:
        say(f"Waiting for a person: {command()} task show {waiting[0].id}{_own(data)}")
