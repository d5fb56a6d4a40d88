"""How the verbs speak: errors in one line, JSON, tables, and text of others made harmless."""

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console as Terminal
from rich.table import Table
from rich.text import Text

from quartet.contracts.base import Json
from quartet.runtime.errors import SetupError

Data = Annotated[
    Path | None, typer.Option(help="Data folder (default: QUARTET_DATA, else .quartet/data).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
WIDTH_WITHOUT_TERMINAL = 100
STYLES = {
    "completed": "green",
    "done": "green",
    "accept": "green",
    "applied": "green",
    "approved": "green",
    "used": "green",
    "resolved": "green",
    "waiting": "yellow",
    "held": "yellow",
    "taken-over": "yellow",
    "revise": "yellow",
    "protected": "green",
    "open": "red",
    "unknown": "red",
    "failed": "red",
    "reject": "red",
    "rejected": "red",
    "expired": "red",
    "cancelled": "magenta",
}


class Told(Exception):
    """A verb can not go on; the text is one line that names what, and what to do."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what a user has to know into one line on stderr and exit status 1."""
    try:
        yield
    except (Told, SetupError) as problem:
        typer.echo(plain(str(problem)), err=True)
        raise typer.Exit(1) from problem


def plain(text: str) -> str:
    """Return text of others on one line, without the characters that steer a terminal."""
    return "".join(
        " " if c.isspace() else c if unicodedata.category(c)[0] != "C" else "\ufffd" for c in text
    ).strip()


def cell(text: str) -> Text:
    """Return text for a table, in the colour of the state that it names, if it names one."""
    return Text(plain(text), style=STYLES.get(text, ""))


def terminal(*, err: bool = False) -> Terminal:
    """Return stdout or stderr for tables; 100 columns wide where it is no terminal."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else WIDTH_WITHOUT_TERMINAL
    return Terminal(file=stream, width=width, highlight=False, markup=False, soft_wrap=False)


def table(*titles: str) -> Table:
    """Return an empty table in the look of every table here."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        made.add_column(title, overflow="fold")
    return made


def command() -> str:
    """Return what to type for this command: its name, or its path where it is not on the PATH."""
    here = Path(sys.executable).parent / "quartet"
    if shutil.which("quartet") or not here.exists():
        return "quartet"
    return os.path.relpath(here) if here.is_relative_to(Path.cwd()) else str(here)


def say(text: str = "") -> None:
    """Print a line on stdout."""
    typer.echo(text)


def note(text: str) -> None:
    """Print a line of progress on stderr."""
    typer.echo(text, err=True)


def emit(content: BaseModel | Json, *, indent: int | None = 2) -> None:
    """Print JSON on stdout, ASCII only; ``indent`` None makes it one line."""
    plain_json = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
    typer.echo(json.dumps(plain_json, indent=indent))
