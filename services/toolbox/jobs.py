"""Registering the pack's scheduled operations with the sidecar; what they do is theirs."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Protocol

from quartet.packs.manifest import Job
from quartet.resilience.failures import Failing

log = logging.getLogger(__name__)
AGAIN_S = 2.0


class Scheduler(Protocol):
    """Asks for an app's jobs."""

    def schedule(self, job: str, schedule: str) -> None:
        """Call ``/job/<job>`` on this app on that schedule from now on; again changes nothing."""


@contextmanager
def registered(
    jobs: tuple[Job, ...], scheduler: Scheduler, again_s: float = AGAIN_S
) -> Iterator[None]:
    """Register the jobs in the background, until it is done: sidecars start after their apps."""
    stop = Event()
    register = _registering(jobs, scheduler, stop, again_s)
    thread = Thread(target=register, name="register-jobs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=15)


def _registering(
    jobs: tuple[Job, ...], scheduler: Scheduler, stop: Event, again_s: float
) -> Callable[[], None]:
    def register() -> None:
        missing = list(jobs)
        said = False
        while missing and not stop.is_set():
            try:
                scheduler.schedule(missing[0].name, missing[0].schedule)
            except Failing as error:
                if not said:
                    log.warning("job %s: %s", missing[0].name, error.failure.detail)
                said = True
                stop.wait(again_s)
            else:
                missing.pop(0)

    return register
