"""Finding calls whose end is unknown; any number of replicas may, each closes a call once."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from quartet.resilience.failures import Failing
from services.toolbox.budgets.ending import close_overdue
from services.toolbox.ledger import Ledger

EVERY_S = 5.0
log = logging.getLogger(__name__)


@contextmanager
def closing(ledger: Ledger, every_s: float = EVERY_S) -> Iterator[None]:
    """Settle overdue reservations at their worst case in the background until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(
        target=_close, args=(ledger, stop, every_s), name="close-overdue", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=15)


def _close(ledger: Ledger, stop: threading.Event, every_s: float) -> None:
    while not stop.wait(every_s):
        try:
            if closed := close_overdue(ledger, ledger.now()):
                log.warning("%d calls without an end are settled at their worst case", closed)
        except Failing as error:
            log.warning("overdue calls are not closed yet: %s", error.failure.detail)
        except Exception:  # the outermost loop: the next pass tries again
            log.exception("overdue calls are not closed; the next pass tries again")
