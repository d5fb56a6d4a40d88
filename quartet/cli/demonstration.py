"""What the demo does on a running suite, and how it tells the result; the suite is demo's."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quartet.cli.audit import export_to
from quartet.cli.console import Console
from quartet.cli.expected import faults, read
from quartet.cli.inbox import client_key, find
from quartet.cli.operations import close_run, closed_line, payment_file
from quartet.cli.report import manifest_of, name_of, report, rows
from quartet.cli.sending import Manner, send
from quartet.cli.speech import command, plain, say, terminal
from quartet.cli.waiting import Wanted, until_rest
from quartet.cli.watching import follow, summary
from quartet.contracts.base import Fields
from quartet.contracts.view import TaskView
from quartet.runtime.layout import DataFolder, repository

PACK = "payables"
BATCH = "demo"
WITHIN_S = 600.0
GOAL = "Check this invoice and propose what is to be done with it."


@dataclass(frozen=True)
class Demonstration:
    """What the samples came to: ``faults`` by document, ``paths`` of what exists."""

    tasks: list[TaskView]
    outcomes: list[dict[str, str]]
    expected: int
    faults: dict[str, str]
    run: dict[str, Any]
    paths: dict[str, Path]


def run(console: Console, folder: DataFolder, tell: Callable[[str], None]) -> Demonstration:
    """Submit the samples as one batch, wait, close the payment run, and compare."""
    samples = repository() / "packs" / PACK / "samples"
    loaded = console.operate("load_sample_books", {})
    if isinstance(loaded, dict):
        tell("sample books: " + ", ".join(f"{count} {what}" for what, count in loaded.items()))
    manner = Manner(PACK, GOAL, BATCH, client_key(folder))
    documents = find(sorted(samples.glob("document-*")))
    names = {sent.task: sent.document for sent in send(console, documents, manner)}
    tell(f"submitted {len(names)} documents as batch {BATCH!r}, signed by the local client")
    wanted = Wanted(tuple(names), BATCH, names)
    looks = until_rest(console, wanted, WITHIN_S)
    tasks = follow(looks, "progress", len(names), tell)
    closed = close_run(console)
    tell(closed_line(closed))
    audit = folder.root / "audit.jsonl"
    tell(f"audit: {export_to(console, audit)} records")
    expected = read(samples / "expected.yaml")
    outcomes = rows(manifest_of(PACK).report, tasks)
    by_name = {name_of(t): row["outcome"] for t, row in zip(tasks, outcomes, strict=True)}
    wrong = faults(expected, by_name, tasks)
    paths = _paths(folder, payment_file(folder, closed), audit)
    return Demonstration(tasks, outcomes, len(expected), wrong, closed, paths)


def show(shown: Demonstration, folder: DataFolder) -> None:
    """Print the table, whether all is as expected, where things lie, and how to go on."""
    screen = terminal()
    say()
    screen.print(report(manifest_of(PACK).report, shown.tasks))
    say()
    say(summary(shown.tasks))
    say(f"{shown.expected - len(shown.faults)} of {shown.expected} as expected")
    for document, fault in shown.faults.items():
        say(f"  {plain(document)}: {plain(fault)}")
    say()
    say(closed_line(shown.run))
    for what, path in shown.paths.items():
        say(f"  {what:14}{path}")
    waiting = [t for t in shown.tasks if t.shown == "waiting"]
    if waiting:
        _show_waiting(waiting, folder)


def as_json_document(shown: Demonstration) -> Fields:
    """Return the result as one JSON document."""
    documents = [
        {"task": t.id, "state": t.shown, **row}
        for t, row in zip(shown.tasks, shown.outcomes, strict=True)
    ]
    return {
        "documents": [dict(d) for d in documents],
        "expected": shown.expected,
        "as_expected": shown.expected - len(shown.faults),
        "faults": dict(shown.faults),
        "payment_run": shown.run,
        "paths": {what: str(path) for what, path in shown.paths.items()},
    }


def _paths(folder: DataFolder, payments: Path | None, audit: Path) -> dict[str, Path]:
    ledger = folder.root / "toolbox" / "ledger.db"
    places = {"payment file": payments, "ledger": ledger, "audit": audit, "logs": folder.logs}
    return {what: path for what, path in places.items() if path is not None and path.exists()}


def _show_waiting(waiting: list[TaskView], folder: DataFolder) -> None:
    own = f"--data {folder.root}"
    many = "1 document waits" if len(waiting) == 1 else f"{len(waiting)} documents wait"
    say()
    say(f"{many} for people. To decide, start the suite on this folder again (the next")
    say("demo empties it):")
    say(f"  {command()} suite up {own}")
    for task in waiting:
        say(f"  {command()} task show {task.id} {own}")
    say(f"  {command()} --as alice approvals list {own}")
    say(f"  {command()} --as alice approvals approve NUMBER {own}      (then: --as bob)")
    say(f"  {command()} suite down {own}")
