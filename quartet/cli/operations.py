"""The verbs on the books and the broker: `quartet payments`, `cases` and `dead`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from quartet.cli.console import Console, connect
from quartet.cli.speech import (
    AsJson,
    Data,
    Told,
    cell,
    emit,
    note,
    one_line_errors,
    plain,
    say,
    table,
    terminal,
)
from quartet.contracts.base import Json
from quartet.contracts.view import DeadLetterView
from quartet.runtime.layout import DataFolder

payments_app = typer.Typer(help="Payments and payment runs.", no_args_is_help=True)
dead_app = typer.Typer(help="Dead letters: events that could not be handled.", no_args_is_help=True)
MOST_LETTERS = 1000
Letter = Annotated[str, typer.Argument(metavar="LETTER", help="The id of a dead letter.")]


@payments_app.command("list")
def list_payments(data: Data = None, *, as_json: AsJson = False) -> None:
    """List every payment and credit, oldest first."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        found = _fields(console.operate("list_payments", {}))
    if as_json:
        emit(found)
        return
    titles = ("kind", "vendor", "number", "amount", "open", "currency", "status", "runs")
    _show_records(found["payments"], titles, "Nothing was scheduled yet.")


@payments_app.command("close")
def close(data: Data = None, *, as_json: AsJson = False) -> None:
    """Close the payment run: net off credits and write the payment file for the bank."""
    folder = DataFolder.named(data)
    with one_line_errors(), connect(folder) as console:
        closed = close_run(console)
    if as_json:
        emit(closed)
    else:
        say(closed_line(closed))
        for one in closed.get("left_out", ()):
            what = f"{one['amount']} {one['currency']} to {one['vendor']}, invoice {one['number']}"
            say(plain(f"left out  {what}: {one['why']}"))
        if file := payment_file(folder, closed):
            say(f"payment file  {file}")


def close_run(console: Console) -> dict[str, Any]:
    """Close the payment run; return its name, transfers, totals and file, as the pack says."""
    return _fields(console.operate("close_payment_run", {}))


def closed_line(closed: dict[str, Any]) -> str:
    """Return what was closed in one line."""
    if closed["run"] is None:
        none = (
            "Everything scheduled is left out" if closed.get("left_out") else "Nothing is scheduled"
        )
        return f"{none}: no payment run was closed."
    totals = ", ".join(f"{amount} {currency}" for currency, amount in closed["totals"].items())
    return f"Payment run {closed['run']}: {closed['transfers']} transfers, {totals}"


def payment_file(folder: DataFolder, closed: dict[str, Any]) -> Path | None:
    """Return the payment file of a closed run; None when it transfers nothing."""
    return folder.root / "toolbox" / "payments" / closed["file"] if closed["file"] else None


def cases(data: Data = None, *, as_json: AsJson = False) -> None:
    """List what a person has to look at: effects that are held, left out or could not be undone."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        found = _fields(console.operate("list_cases", {}))
    if as_json:
        emit(found)
    else:
        _show_records(found["cases"], ("task", "kind", "says"), "Nothing waits for a person.")


@dead_app.command("list")
def list_dead(data: Data = None, *, as_json: AsJson = False) -> None:
    """List dead letters, newest first."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        found = console.dead_letters(MOST_LETTERS)
    if as_json:
        emit(found)
        return
    made = table("letter", "at", "topic", "replayed", "reason")
    for one in found.letters:
        letter = one.letter
        reason = f"{letter.reason.title}: {letter.reason.detail}"
        made.add_row(one.id, letter.at, letter.topic, one.replayed or "", cell(reason))
    if found.letters:
        terminal().print(made)
    else:
        note("There is no dead letter.")


@dead_app.command("show")
def show_dead(letter: Letter, data: Data = None, *, as_json: AsJson = False) -> None:
    """Show a dead letter with its reason and what came."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        one = _letter(console, letter)
    if as_json:
        emit(one)
        return
    reason = one.letter.reason
    say(f"{one.id}  {one.letter.topic}  {one.letter.at}")
    say(f"replayed: {one.replayed or 'no'}")
    say(plain(f"{reason.title}: {reason.detail} ({reason.cause}, {reason.advice})"))
    say(plain(one.letter.body))


@dead_app.command("replay")
def replay(letter: Letter, data: Data = None, *, as_json: AsJson = False) -> None:
    """Put a dead letter onto its topic again."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        done = console.replay(letter)
    if as_json:
        emit(done)
    else:
        say(plain(done.says))


def _letter(console: Console, wanted: str) -> DeadLetterView:
    for one in console.dead_letters(MOST_LETTERS).letters:
        if one.id == wanted:
            return one
    raise Told(f"There is no dead letter {wanted!r}. `quartet dead list` shows what there is.")


def _show_records(records: list[dict[str, Any]], titles: tuple[str, ...], none: str) -> None:
    made = table(*titles)
    for record in records:
        values = (record[title] for title in titles)
        made.add_row(*(cell(" ".join(v) if isinstance(v, list) else str(v)) for v in values))
    if records:
        terminal().print(made)
    else:
        note(none)


def _fields(answer: Json) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise Told("The toolbox answered no object. Do console and command have one version?")
    return answer
