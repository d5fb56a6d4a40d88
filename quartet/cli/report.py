"""Tasks as tables: the pack's own report columns, and the few columns of every list."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache

import jmespath
import yaml
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from quartet.cli.speech import Told, cell, plain, table
from quartet.contracts.task import SUBTASK_MOVES, TERMINAL
from quartet.contracts.view import TaskView
from quartet.packs.manifest import Column, Manifest
from quartet.runtime.layout import repository

ENDED = {state for state, moves in SUBTASK_MOVES.items() if not moves}
WIDEST = 20
GAP = 2
BOLD, DIM = ("bold", "bold"), ("", "dim")
"""The styles of a row and of what stands below it."""


@cache
def manifest_of(pack: str) -> Manifest:
    """Return a pack's manifest alone: its code is not loaded here. Raises Told for no such pack."""
    path = repository() / "packs" / pack / "pack.yaml"
    if not path.is_file():
        raise Told(f"There is no pack {pack!r} here ({path}). Name one in QUARTET_PACK.")
    return Manifest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def rows(columns: Sequence[Column], tasks: Sequence[TaskView]) -> list[dict[str, str]]:
    """Return the value of each report column for each task, by title."""
    compiled = {c.title: jmespath.compile(c.value) for c in columns}
    plain_tasks = [t.model_dump(mode="json") for t in tasks]
    return [
        {title: _text(found.search(task)) for title, found in compiled.items()}
        for task in plain_tasks
    ]


def report(columns: Sequence[Column], tasks: Sequence[TaskView]) -> Group:
    """Return the batch table of a pack; its last column, the long one, stands below each row."""
    found = [list(row.values()) for row in rows(columns, tasks)]
    titles = [c.title for c in columns]
    widths = [
        min(max(map(cell_len, column)), WIDEST)
        for column in zip(*[r[:-1] for r in [titles, *found]], strict=True)
    ]
    parts: list[RenderableType] = []
    for (*cells, last), styles in zip([titles, *found], [BOLD, *[DIM] * len(found)], strict=True):
        below = Text(plain(last), style=styles[1])
        parts += [_row(widths, cells, styles[0]), Padding(below, (0, 0, 0, widths[0] + GAP))]
    return Group(*parts)


def _row(widths: Sequence[int], values: Sequence[str], style: str) -> Table:
    made = Table.grid(padding=(0, GAP, 0, 0))
    for width in widths:
        made.add_column(width=width, overflow="fold")
    made.add_row(*map(cell, values), style=style)
    return made


def listing(tasks: Sequence[TaskView]) -> Table:
    """Return the table of `task list`."""
    made = table("task", "document", "batch", "state", "now")
    for task in tasks:
        cells = (name_of(task), task.batch or "", task.shown, now(task))
        made.add_row(task.id, *map(cell, cells))
    return made


def following(tasks: Sequence[TaskView]) -> Table:
    """Return the table of `watch`."""
    made = table("document", "state", "now", "seconds")
    for task in tasks:
        cells = (name_of(task), task.shown, now(task), f"{seconds(task):.1f}")
        made.add_row(*map(cell, cells))
    return made


def name_of(task: TaskView) -> str:
    """Return what people know a task by: its document, else its goal."""
    names = [d.name or d.digest[:15] for d in task.documents]
    return ", ".join(names) or task.goal[:40]


def now(task: TaskView) -> str:
    """Return how far a task is, or what it came to."""
    if task.shown in TERMINAL:
        return task.failure.title if task.failure else _last_outcome(task)
    active = [s for s in task.subtasks if s.state not in ENDED]
    if not task.subtasks or task.shown == "compensating":
        return ""
    if not active:
        return "every subtask is done"
    first = active[0]
    tries = f", attempt {first.attempt}" if first.attempt > 1 else ""
    done = len(task.subtasks) - len(active)
    return f"{first.id} {first.state}{tries} ({done} of {len(task.subtasks)} done)"


def seconds(task: TaskView) -> float:
    """Return how long a task took until its last change."""
    began, ended = (datetime.fromisoformat(at) for at in (task.created, task.changed))
    return (ended - began).total_seconds()


def _last_outcome(task: TaskView) -> str:
    outcomes = [o for s in task.subtasks for o in s.outcomes]
    return f"{outcomes[-1].tool} {outcomes[-1].status}" if outcomes else ""


def _text(value: object) -> str:
    return "" if value in (None, False, [], {}) else str(value)
