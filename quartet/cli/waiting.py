"""Waiting for tasks, woken by the console's events, until each has ended or waits for a person."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from quartet.cli.console import Console
from quartet.cli.speech import Told
from quartet.contracts.base import Fields, TaskId
from quartet.contracts.task import TERMINAL
from quartet.contracts.view import TaskView
from quartet.trust.digest import task_id

TAKEN_IN_WITHIN_S = 30.0
MOST = 5000
_LOOK_EVERY_S = 3.0
_GATHER_S = 0.2
_QUIET_S = 2.0
"""How long a task may be unknown before the dead letters are asked about it."""


@dataclass(frozen=True)
class Wanted:
    """Which tasks are waited for: these ids, and all of a batch."""

    ids: tuple[TaskId, ...] = ()
    batch: str | None = None
    names: dict[TaskId, str] = field(default_factory=dict)

    def look(self, console: Console) -> list[TaskView]:
        """Return those that have been taken in, oldest first."""
        if self.batch is not None:
            tasks = [t for t in console.tasks(self.batch, most=MOST) if self._wants(t)]
        else:
            tasks = [t for i in self.ids if (t := console.known(i)) is not None]
        order = {task: position for position, task in enumerate(self.ids)}
        return sorted(tasks, key=lambda t: (order.get(t.id, len(order)), t.created, t.id))

    def missing(self, tasks: Sequence[TaskView]) -> list[TaskId]:
        """Return the ids that have not been taken in."""
        return [i for i in self.ids if i not in {t.id for t in tasks}]

    def _wants(self, task: TaskView) -> bool:
        return not self.ids or task.id in self.ids


def rests(task: TaskView) -> bool:
    """Tell whether a task has ended or only a person can bring it on."""
    return task.shown in TERMINAL or task.shown == "waiting"


def until_rest(console: Console, wanted: Wanted, within_s: float = inf) -> Iterator[list[TaskView]]:
    """Give the tasks again and again, at each event and every few seconds, until all rest.

    Raises Told when a task was refused on the broker or is not taken in, after a while, and when
    they do not all rest in time.
    """
    began = time.monotonic()
    last = _last_number(console)
    while True:
        tasks = wanted.look(console)
        yield tasks
        missing = wanted.missing(tasks)
        waited = time.monotonic() - began
        if (missing or not tasks) and waited > _QUIET_S:
            _require_alive(console, wanted, missing, waited)
        if tasks and not missing and all(rests(t) for t in tasks):
            return
        if waited > within_s:
            active = ", ".join(t.id for t in tasks if not rests(t))
            raise Told(
                f"Still at work after {within_s:g} s: {active}. See logs/ of the data folder."
            )
        last = _next_number(console, last, _GATHER_S if missing else _LOOK_EVERY_S)


def _last_number(console: Console) -> int:
    return max((_number(e) for e in console.events(0, 0.0)), default=0)


def _next_number(console: Console, after: int, wait_s: float) -> int:
    """Wait for an event, then a moment for those that come with it."""
    heard = console.events(after, wait_s)
    if not heard:
        return after
    time.sleep(_GATHER_S)
    return _number(heard[-1])


def _number(event: Fields) -> int:
    number = event.get("number")
    return number if isinstance(number, int) else 0


def _require_alive(
    console: Console, wanted: Wanted, missing: Sequence[TaskId], waited: float
) -> None:
    if not missing:
        raise Told(f"Batch {wanted.batch!r} has no task. `quartet task list` shows what there is.")
    for letter in console.dead_letters().letters:
        task = _task_of(letter.letter.body)
        if task is not None and task in missing and letter.replayed is None:
            name = wanted.names.get(task, task)
            reason = letter.letter.reason
            says = f"{name} was refused: {reason.title}: {reason.detail}"
            raise Told(f"{says} (`quartet dead show {letter.id}`)")
    if waited > TAKEN_IN_WITHIN_S:
        raise Told(
            f"{len(missing)} of {len(wanted.ids)} tasks were not taken in within "
            f"{TAKEN_IN_WITHIN_S:g} s: {', '.join(missing[:3])}. They stay on the broker; "
            "look at logs/ of the data folder, and watch again."
        )


def _task_of(body: str) -> TaskId | None:
    """Return the task that a dead event would have been."""
    try:
        event = json.loads(body)
        return task_id(str(event["source"]), str(event["id"]))
    except (ValueError, TypeError, KeyError):
        return None
