"""Events between the services delivered twice, and a critic that is away: each effect once.

What clients send twice is in test_broker, two equal invoices at once in test_samples.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from sqlalchemy import create_engine, text

from quartet.runtime.redis import OPERATOR, connect
from tests.suite.client import Client
from tests.suite.here import eventually
from tests.suite.invariants import Records
from tests.suite.invoices import clean_invoice, outcome
from tests.suite.killing import Target, process_of
from tests.suite.running import Running

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(240)]
INTERNAL = ("subtask-completed", "subtask-reviewed", "task-planned", "task-completed")
_LAUNCHERS = ("quartet.runtime.launch", "quartet.runtime.daprd")


def repeated(running: Running, topic: str, task: str) -> int:
    """Add each entry of a stream that is about a task once more, as it stands there."""
    redis = connect(running.data, OPERATOR)
    there = [dict(entry or {}) for _, entry in redis.xrange(topic) or []]
    entries: list[dict[Any, Any]] = [entry for entry in there if task in str(entry)]
    for fields in entries:
        redis.xadd(topic, fields)
    redis.close()
    return len(entries)


def test_events_between_services_delivered_twice_change_nothing(
    running: Running, client: Client
) -> None:
    task = client.pay(clean_invoice(), batch="delivered-twice")
    before = client.settled(task)

    delivered = [repeated(running, topic, task) for topic in INTERNAL]

    assert min(delivered) >= 1
    client.settled(client.pay(clean_invoice()))
    assert client.task(task) == before
    check_paid_once(running, client, task, "delivered-twice")


@contextmanager
def away(running: Running, app_id: str) -> Iterator[None]:
    """Have an app and its sidecar dead, and nobody to start them, for a ``with`` block."""
    targets = (Target("app", app_id), Target("sidecar", app_id))
    found = [process_of(running.data, running.suite, target) for target in targets]
    processes = [one for one in found if one is not None]
    assert len(processes) == len(targets)
    above = {one for process in processes for one in process.parents()}
    launchers = [one for one in above if any(word in one.cmdline() for word in _LAUNCHERS)]
    for one in launchers:
        os.kill(one.pid, signal.SIGSTOP)
    try:
        for one in processes:
            os.kill(one.pid, signal.SIGKILL)
        eventually(lambda: all(one.status() == psutil.STATUS_ZOMBIE for one in processes))
        yield
    finally:
        for one in launchers:
            os.kill(one.pid, signal.SIGCONT)


def asked(running: Running, task: str) -> int:
    """Return how often the review of the first subtask was asked for."""
    engine = create_engine(f"sqlite:///{running.data.root / 'coordinator' / 'tasks.db'}")
    query = text("SELECT published FROM subtasks WHERE task = :task AND id = 'read'")
    with engine.connect() as connection:
        found = connection.execute(query, {"task": task}).scalar() or 0
    engine.dispose()
    return int(found)


def test_a_task_waits_for_an_absent_critic_who_is_asked_again(
    running: Running, client: Client
) -> None:
    """Keep the critic away until its review was asked for a second time, after 30 s.

    Ten minutes would be the same wait with the later repeats, at 1.5, 3.5 and 7.5 minutes: those
    are in tests/unit/test_sweep.py with time as an argument; here is no shorter clock.
    """
    with away(running, "critic"):
        task = client.pay(clean_invoice(), batch="critic-away")
        eventually(lambda: asked(running, task) == 1, 30)
        eventually(lambda: asked(running, task) == 2, 60)
        assert client.task(task).subtasks[0].state == "reviewing"

    view = client.settled(task, 90)
    assert outcome(view) == "scheduled"
    check_paid_once(running, client, task, "critic-away")


def check_paid_once(running: Running, client: Client, task: str, batch: str) -> None:
    records = Records(running.data)
    assert records.problems([task], batch) == []
    records.close()
    told = client.operate("list_payments")
    assert isinstance(told, dict)
    assert str(told["payments"]).count(f"{task}/") == 1
