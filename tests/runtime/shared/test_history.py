"""Workflow history edited in the store (V7): the run that it belongs to ends, the task does not.

A history rolled back to an older state is what test_redis_emptied and the sweep are for: tasks and
effects are in SQL, so a lost or older run is replaced by one that goes on from there.
"""

from typing import Any

import pytest
from redis.client import NEVER_DECODE
from sqlalchemy import select

from quartet.contracts.approval import ApprovalList
from quartet.contracts.task import TERMINAL
from quartet.runtime.redis import OPERATOR, connect
from services.toolbox.tables import AuditRow
from tests.suite.client import Client
from tests.suite.here import eventually
from tests.suite.invariants import Records
from tests.suite.invoices import clean_invoice
from tests.suite.killing import Target, is_back, kill
from tests.suite.ledger import ledger_session
from tests.suite.running import Running

pytestmark = [pytest.mark.runtime, pytest.mark.kill, pytest.mark.timeout(300)]
ENDS_WITHIN_S = 150.0
SAID, EDITED = b"Pay this invoice", b"Pay that invoice"


def held(client: Client) -> str:
    """Submit an invoice that nobody signed, so that a person is asked; return its task."""
    event = client.event(client.upload(clean_invoice()))
    task = client.submit(event, anonymous=True)
    assert client.settled(task).shown == "waiting"
    return task


def edit_history(running: Running, instance: str) -> int:
    """Put other words into the history of a workflow; return how many entries changed."""
    redis: Any = connect(running.data, OPERATOR)
    changed = 0
    for key in list(redis.scan_iter(f"coordinator||*||{instance}||history-*")):
        value = redis.execute_command("HGET", key, "data", **{NEVER_DECODE: True})
        if value is not None and SAID in value:
            changed += 1
            redis.hset(key, "data", value.replace(SAID, EDITED))
    redis.close()
    return changed


def approve(client: Client, task: str) -> None:
    with client.as_person("alice") as alice:
        answer = alice.http.get("/approvals", params={"task": task})
        (asked,) = ApprovalList.model_validate_json(answer.content).approvals
        sent = {"call_digest": asked.call_digest}
        assert alice.http.post(f"/approvals/{asked.id}/approve", json=sent).is_success


def noticed(running: Running, task: str) -> bool:
    """Return whether it is on record that a run of a task was replaced."""
    with ledger_session(running) as session:
        query = select(AuditRow.kind).where(AuditRow.task == task)
        return "task-run-replaced" in set(session.scalars(query))


@pytest.mark.parametrize("subtask", ["", "settle"], ids=["task", "subtask"])
def test_a_run_whose_history_was_edited_ends_and_its_task_is_still_paid_once(
    running: Running, client: Client, subtask: str
) -> None:
    task = held(client)
    records = Records(running.data)
    run, _ = records.run(task)
    instance = ".".join(part for part in (task, subtask, run[:6]) if part)

    assert edit_history(running, instance) >= 1
    sidecar = Target("sidecar", "coordinator")
    killed = kill(running.data, running.suite, sidecar)
    eventually(lambda: is_back(running.data, running.suite, sidecar, killed), 60)
    approve(client, task)

    eventually(lambda: client.task(task).state in TERMINAL, ENDS_WITHIN_S)
    assert client.task(task).state == "completed"
    assert records.run(task)[1] >= 2
    records.close()
    assert noticed(running, task)
    told = client.operate("list_payments")
    assert isinstance(told, dict)
    assert str(told["payments"]).count(f"{task}/") == 1
    assert running.ledger_problems() == ()
