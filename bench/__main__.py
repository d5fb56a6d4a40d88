"""`python -m bench`: measure speed and size on a fresh suite, print tables, stop everything."""

import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.extent import FULL, QUICK
from bench.session import Session
from bench.tables import show
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import DataFolder


def main(
    *,
    quick: Annotated[bool, typer.Option(help="A few tasks of each: whether all works.")] = False,
    governance: Annotated[bool, typer.Option(help="Only what governance costs.")] = False,
    held: Annotated[int, typer.Option(help="Tasks that wait for a person (2 a second).")] = 0,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file too.")] = None,
) -> None:
    """Measure the suite beside a bare Dapr task; stops everything at the end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # stop all first
    begun = time.monotonic()

    def say(text: str) -> None:
        if not text.startswith("waiting for"):
            typer.echo(f"{time.monotonic() - begun:6.1f} s  {text}", err=True)

    extent = QUICK if quick else FULL
    if held:
        extent = replace(extent, held=held)
    folder = Path(tempfile.mkdtemp(prefix="quartet-bench-"))
    folder.chmod(0o711)  # services have users of their own
    try:
        report = Session(DataFolder(folder), extent, say).run(only_governance=governance)
    except SetupError as problem:
        typer.echo(f"{problem} (logs: {folder / 'logs'})", err=True)
        raise typer.Exit(1) from problem
    shutil.rmtree(folder)
    show(report, Console(file=sys.stdout, width=None if sys.stdout.isatty() else 100))
    if json is not None:
        json.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
