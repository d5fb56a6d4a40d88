"""What the search for lost steps rests on: Dapr says when the history of an instance last grew."""

from datetime import datetime, timedelta

import pytest

from quartet.durable.client import Seen, Workflows
from services.coordinator.messages import Start, instance_of, work_of
from tests.suite.client import Client
from tests.suite.invariants import Records
from tests.suite.invoices import clean_invoice
from tests.suite.running import Running

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(120)]
SOON = timedelta(seconds=5)


def test_a_held_subtask_last_moved_when_it_was_held_and_its_work_before_that(
    running: Running, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(app_id: str, instance: str) -> Seen:
        app = next(one for one in running.suite.apps if one.app_id == app_id)
        monkeypatch.setenv("DAPR_API_TOKEN", running.data.api_token(app_id).read_text().strip())
        workflows = Workflows(app.grpc_port)
        found = workflows.seen(instance)
        workflows.close()
        return found

    task = client.submit(client.event(client.upload(clean_invoice())), anonymous=True)
    assert client.settled(task).shown == "waiting"
    records = Records(running.data)
    start = Start(task=task, run=records.run(task)[0])
    records.close()
    history = client.task(task).history
    held = max(datetime.fromisoformat(move.at) for move in history if move.subject == "settle")

    subtask = seen("coordinator", instance_of(start, "settle"))
    work = seen("specialist-finance", work_of(start, "settle", 1))

    assert subtask.status == "live"
    assert subtask.moved is not None
    assert abs(subtask.moved - held) < SOON
    assert work.status == "ended"
    assert work.moved is not None
    assert work.moved < held
