"""Redis emptied in the middle of a batch: what was accepted is in SQL, so each task ends once."""

import pytest

from quartet.runtime.redis import OPERATOR, connect
from tests.suite.batches import batch_of, check_payment_file, insist, load_books, prepared
from tests.suite.client import Client
from tests.suite.here import eventually
from tests.suite.invariants import Records
from tests.suite.running import Running

pytestmark = [pytest.mark.runtime, pytest.mark.kill, pytest.mark.timeout(300)]
DOCUMENTS = 10
ENDS_WITHIN_S = 120.0


@pytest.mark.parametrize("moves", [12, 40], ids=["early", "late"])
def test_each_accepted_task_ends_once_after_redis_was_emptied(
    running: Running, client: Client, moves: int
) -> None:
    batch = batch_of(running.unused(7_000_000 + moves), f"emptied-{moves}", DOCUMENTS)
    records = Records(running.data)
    load_books(client, batch)
    accepted = [insist(client, event) for event in prepared(client, batch)]
    eventually(lambda: len(records.states(batch.name)) == DOCUMENTS)
    eventually(lambda: records.moves(batch.name) >= moves)

    redis = connect(running.data, OPERATOR)
    redis.flushall()
    redis.close()

    assert records.unfinished(batch.name), "the batch had ended before Redis was emptied"
    views = client.batch_settled(batch.name, DOCUMENTS, ENDS_WITHIN_S)
    assert records.problems(accepted, batch.name) == []
    assert batch.came_to(list(views.values())) == batch.expected()
    check_payment_file(client, records, batch)
    records.close()
