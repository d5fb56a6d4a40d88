"""Tasks as they go: a live table on a terminal, lines or JSON lines elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal, get_args

from rich.console import Group
from rich.live import Live
from rich.text import Text

from quartet.cli.report import following, name_of, now
from quartet.cli.speech import emit, note, plain, say, terminal
from quartet.cli.waiting import rests
from quartet.contracts.task import TERMINAL
from quartet.contracts.view import Shown, TaskView

Manner = Literal["json", "progress", "stdout"]
"""JSON lines on stdout; a table or lines on stderr; a table or lines on stdout."""
FEW = 3
"""So many tasks are told step by step in lines; of more, only the counts and the ends."""


def follow(
    looks: Iterable[list[TaskView]],
    manner: Manner,
    total: int = 0,
    tell: Callable[[str], None] | None = None,
) -> list[TaskView]:
    """Show each look at the tasks, and return the last one; ``total`` is how many will come.

    ``tell`` says a line of progress; by default with the seconds since now.
    """
    err = manner == "progress"
    if manner != "json" and terminal(err=err).is_terminal:
        return _live(looks, total, err=err)
    show = (
        _json_lines() if manner == "json" else _lines(tell or _stamped(note if err else say), total)
    )
    tasks: list[TaskView] = []
    for tasks in looks:
        show(tasks)
    return tasks


def summary(tasks: list[TaskView], total: int = 0) -> str:
    """Return how many tasks have ended, and how many are in which state."""
    total = max(total, len(tasks))
    states = Counter(dict.fromkeys(get_args(Shown), 0))
    states.update(t.shown for t in tasks)
    states["submitted"] += total - len(tasks)
    told = ", ".join(f"{n} {state}" for state, n in states.items() if n)
    return f"{sum(t.shown in TERMINAL for t in tasks)} of {total} ended: {told or 'no task'}"


def _live(looks: Iterable[list[TaskView]], total: int, *, err: bool) -> list[TaskView]:
    began = time.monotonic()
    screen = terminal(err=err)
    tasks: list[TaskView] = []
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        for tasks in looks:
            room = max(screen.height - 4, 1)
            shown = sorted(tasks, key=rests)[:room] if len(tasks) > room else tasks
            line = f"{time.monotonic() - began:6.1f} s  {summary(tasks, total)}"
            live.update(Group(Text(line), following(shown)), refresh=True)
    return tasks


def _stamped(write: Callable[[str], None]) -> Callable[[str], None]:
    began = time.monotonic()
    return lambda line: write(f"{time.monotonic() - began:6.1f} s  {line}")


def _lines(write: Callable[[str], None], total: int) -> Callable[[list[TaskView]], None]:
    said: dict[str, str] = {}

    def tell(key: str, line: str) -> None:
        if said.get(key) != line:
            said[key] = line
            write(line)

    def show(tasks: list[TaskView]) -> None:
        few = max(total, len(tasks)) <= FEW
        for task in tasks:
            if few or rests(task):
                doing = f", {plain(now(task))}" if now(task) else ""
                tell(task.id, f"{plain(name_of(task))}: {task.shown}{doing}")
        if not few:
            tell("", summary(tasks, total))

    return show


def _json_lines() -> Callable[[list[TaskView]], None]:
    said: dict[str, TaskView] = {}

    def show(tasks: list[TaskView]) -> None:
        for task in tasks:
            if said.get(task.id) != task:
                said[task.id] = task
                emit(task, indent=None)

    return show
