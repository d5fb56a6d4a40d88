"""Which of the events that the console heard a person is shown: those of tasks the person sees."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from quartet.contracts.base import Fields, TaskId
from quartet.contracts.person import Person
from quartet.contracts.view import Owner
from services.console.feed import Feed

KEPT = 20_000
TASK = re.compile("t-[0-9a-f]{24}")
Ask = Callable[[tuple[TaskId, ...]], Mapping[TaskId, Owner]]


class Shown:
    """The feed as a person may read it; whose a task is, is asked once and kept: it never changes.

    An event of a task whose owner is not known is shown to nobody.
    """

    def __init__(self, feed: Feed, ask: Ask) -> None:
        """Take the feed and what tells whose tasks are."""
        self._feed, self._ask = feed, ask
        self._owners: OrderedDict[TaskId, Owner] = OrderedDict()
        self._lock = Lock()

    def to(self, person: Person, after: int, wait_s: float) -> list[Fields]:
        """Return the events after a number that the person sees; wait so long for one."""
        deadline = time.monotonic() + wait_s
        while True:
            heard = self._feed.after(after, max(0.0, deadline - time.monotonic()))
            owners = self._owners_of({t for e in heard if (t := _task(e))})
            seen = [e for e in heard if _sees(person, owners.get(_task(e) or ""))]
            if seen or not heard or time.monotonic() >= deadline:
                return seen
            after = int(str(heard[-1]["number"]))

    def _owners_of(self, tasks: Iterable[TaskId]) -> Mapping[TaskId, Owner]:
        wanted = sorted(tasks)
        with self._lock:
            known = {task: self._owners[task] for task in wanted if task in self._owners}
        missing = tuple(task for task in wanted if task not in known)
        if not missing:
            return known
        told = self._ask(missing)
        with self._lock:
            self._owners.update(told)
            while len(self._owners) > KEPT:
                self._owners.popitem(last=False)
        return known | dict(told)


def _sees(person: Person, owner: Owner | None) -> bool:
    return owner is not None and person.sees(owner.tenant, owner.requester)


def _task(event: Fields) -> TaskId | None:
    data = event.get("data")
    if not isinstance(data, dict):
        return None
    order = data.get("order")
    found = data.get("task") or (order.get("task") if isinstance(order, dict) else None)
    return found if isinstance(found, str) and TASK.fullmatch(found) else None
