"""`quartet doctor`: whether the suite that runs is really protected, as a table or JSON."""

from dataclasses import asdict

import typer

from quartet.cli.speech import AsJson, Data, cell, emit, note, one_line_errors, table, terminal
from quartet.runtime.doctor.examining import examine
from quartet.runtime.layout import DataFolder
from quartet.runtime.shape import running_canaries, shape_of


def doctor(data: Data = None, *, as_json: AsJson = False) -> None:
    """Try every door of the running suite from its wrong side; exits 1 when one is open."""
    with one_line_errors():
        folder = DataFolder.named(data)
        findings = examine(folder, shape_of(canaries=running_canaries(folder)))
    wrong = [one for one in findings if one.state != "protected"]
    if as_json:
        emit([asdict(one) for one in findings])
    else:
        shown = table("service", "check", "state", "seen", "what to do")
        for one in findings:
            shown.add_row(
                cell(one.service), cell(one.check), cell(one.state), cell(one.seen), cell(one.todo)
            )
        terminal().print(shown)
    note(f"{len(findings) - len(wrong)} of {len(findings)} checks found protection")
    if wrong:
        raise typer.Exit(1)
