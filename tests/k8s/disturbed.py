"""A batch during which something is done to the cluster, and what has to hold afterwards."""

from collections import Counter
from collections.abc import Callable

from packs.payables.payment_run import Entries
from quartet.contracts.view import TaskView
from tests.suite.batches import Batch, batch_of, insist, load_books, prepared
from tests.suite.client import Client

SIZE = 12
DEADLINE_S = 600
AFTER_S = 150.0
"""From a deadline to the end of its task, on a machine of two cores."""
DOOR_WITHIN_S = 240.0
"""Until a console that was killed with all others is there again: nine pods start at once."""


def disturbed(
    client: Client,
    seed: int,
    name: str,
    disturb: Callable[[], None],
    deadline_s: int = DEADLINE_S,
) -> tuple[Batch, list[TaskView]]:
    """Submit half of a batch, disturb, submit the rest; return what the tasks came to.

    Each task has a deadline, so that each ends whatever is lost. Fails when a task does not settle,
    or when a payment of the suite is there twice.
    """
    batch = batch_of(seed, name, SIZE)
    load_books(client, batch)
    events = prepared(client, batch, limits={"deadline_s": deadline_s})
    for event in events[: SIZE // 2]:
        insist(client, event)
    disturb()
    for event in events[SIZE // 2 :]:
        insist(client, event, DOOR_WITHIN_S)
    views = list(client.batch_settled(name, SIZE, within_s=deadline_s + AFTER_S).values())
    check_paid_once(client)
    return batch, views


def check_paid_once(client: Client) -> None:
    """Fail when two live payments are of one invoice."""
    entries = Entries.model_validate(client.operate("list_payments")).payments
    live = [e for e in entries if e.status != "cancelled"]
    paid = Counter((e.kind, e.vendor, e.number) for e in live)
    assert [key for key, times in paid.items() if times > 1] == []
