"""The verbs `quartet audit ...`: export, verify offline, show a task's records, the alarm."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from quartet.cli import auditing
from quartet.cli.auditing import Verified
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
from quartet.contracts.audit import AuditState
from quartet.runtime.layout import DataFolder

audit_app = typer.Typer(help="The audit: every act on record, signed.", no_args_is_help=True)


@audit_app.command("export")
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    data: Data = None,
) -> None:
    """Write every audit record with the signed checkpoints and the public keys, as JSON Lines."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        count = export_to(console, output)
    note(f"{count} records in {output}; check them with `quartet audit verify {output}`")


def export_to(console: Console, to: Path) -> int:
    """Write an export to a file; return how many records are in it."""
    try:
        with to.open("wb") as out:
            return auditing.export(console, out, _progress)
    except OSError as error:
        raise Told(f"{to} can not be written: {error.strerror}. Name another with -o.") from error


@audit_app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An export of the audit.")],
    keys: Annotated[
        Path | None, typer.Option(help="Public keys (JWKS) that did not come with the export.")
    ] = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="The checkpoints that were kept outside.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Verify an export offline; name the first record that is not what was signed."""
    with one_line_errors():
        try:
            found = auditing.verify(file, keys, checkpoints, _progress)
        except OSError as error:
            raise Told(f"{error.filename} can not be read: {error.strerror}.") from error
    if as_json:
        emit(found.plain())
    else:
        _show_verified(found, outside=checkpoints is not None)
    if found.fault or found.breaks:
        raise typer.Exit(1)


@audit_app.command("show")
def show(
    task: Annotated[str, typer.Option(help="The id of a task, t-...")],
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what is on record about a task, oldest first: who did what, for whom."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        found: list[dict[str, Any]] = [
            {"sequence": one["sequence"], **json.loads(one["record"])}
            for one in auditing.records(console, task=task)
        ]
    if as_json:
        emit([*found])
        return
    if not found:
        raise Told(f"Nothing is on record about {task!r}. `quartet task list` shows the tasks.")
    say(
        f"{task}  for {plain(found[0]['person'] or found[-1]['person'])}  trace {found[0]['trace']}"
    )
    made = table("no.", "at", "who", "what", "about")
    for one in found:
        who = f"{one['actor']} {one['replica']}".strip()
        made.add_row(
            str(one["sequence"]), one["at"][11:23], cell(who), cell(one["kind"]), cell(_about(one))
        )
    terminal().print(made)


@audit_app.command("status")
def status(data: Data = None, *, as_json: AsJson = False) -> None:
    """Show the newest signed checkpoint, and the alarm if history was changed."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        state = console.audit()
    if as_json:
        emit(state)
    else:
        _show_state(state)
    if state.alarm:
        raise typer.Exit(1)


@audit_app.command("acknowledge")
def acknowledge(
    why: Annotated[str, typer.Option(help="What was found out; it is signed for good.")],
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let signing go on after an alarm, from the audit as it is now; the break stays on record."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        state = console.acknowledge(why)
    if as_json:
        emit(state)
    else:
        _show_state(state)


def _show_state(state: AuditState) -> None:
    signed = f"{state.size} records, signed {state.at}, root {state.root}" if state.at else "none"
    say(f"newest checkpoint  {signed}")
    if state.alarm:
        say(f"ALARM {state.alarm.at}  {plain(state.alarm.says)}")
        say("Nothing is signed until `quartet audit acknowledge --why ...`.")


def _show_verified(found: Verified, *, outside: bool) -> None:
    for broken in found.breaks:
        say(f"history was changed before {broken.at}: {plain(broken.broken)}")
    if found.fault:
        say(f"NOT what was signed, from record {found.fault.record} on: {plain(found.fault.says)}")
        return
    say(f"{found.records} records are what was signed {found.signed_at}, root {found.root}")
    if found.own_keys:
        note("The keys came with the export; --keys FILE checks with keys from elsewhere.")
    if not outside:
        note("--checkpoints FILE checks against those kept outside: no later cut goes unnoticed.")


def _progress(done: int, of: int) -> None:
    note(f"{done} of {of} records" if of else f"{done} records")


_SAYS = ("says", "why", "detail", "tool", "decision", "state", "requester")


def _about(record: dict[str, Any]) -> str:
    """Return what a record is about in a few words."""
    body = record["body"]
    failure = body.get("failure") or {}
    told = [str(body[name]) for name in _SAYS if isinstance(body.get(name), str)]
    slot = [f"slot {body['slot']}"] if "slot" in body else []
    named = [str(body[name]) for name in ("subtask", "value") if body.get(name)]
    return "; ".join((*slot, *named, *told, *([failure["detail"]] if failure else [])))[:300]
