"""Killed and paused at the named moments of the fault matrix, on a suite with crash points.

P1 accepted, not recorded; P2 recorded, not started; P3 before the effect; P4 after the provider's
commit, before our answer; P5 after the ledger's transaction, before the answer; P6 on record, its
event not published; P7 while and after a person decides; P8 in a compensation.
"""

import os
import signal
from collections.abc import Iterator
from threading import Event

import psutil
import pytest

from quartet.contracts.view import TaskView
from tests.suite.approving import decider, ended, held
from tests.suite.client import Client
from tests.suite.crashing import Points
from tests.suite.here import eventually, gone
from tests.suite.invariants import Records
from tests.suite.invoices import clean_invoice, outcome, sample
from tests.suite.killing import Target, process_of
from tests.suite.running import Running, reachable_folder, running_product

pytestmark = [pytest.mark.runtime, pytest.mark.kill, pytest.mark.timeout(300)]
WRAPPED = {name: ["python3", "-m", f"tests.suite.{name}"] for name in ("coordinator", "toolbox")}
ENDS_WITHIN_S = 90.0
PAID = {
    "P1": "before-recording",
    "P2": "before-starting",
    "P3 in the coordinator": "before-call-commit",
    "P3 in the toolbox": "before-commit",
    "P4 in the toolbox's transaction": "in-commit",
    "P5 in the toolbox": "after-commit",
    "P4 in the coordinator": "after-call-commit",
    "P5 after the plan is registered": "after-call-plans",
    "P6 before the review is asked for": "before-publish-subtask-completed",
    "P6 before the end is told": "before-publish-task-completed",
    "P6 after the end is told": "after-publish-task-completed",
}
DECIDED = {
    "P7 before the decision": "before-decide",
    "P7 in the decision's transaction": "in-decide",
    "P7 decided, not answered": "after-decide",
    "P7 decided, nobody told": "before-publish-approval-decided",
    "P7 told, not noted that it was": "after-publish-approval-decided",
    "P7 woken, before the effect": "before-call-commit",
    "P7 in the effect's transaction": "in-commit",
    "P7 applied, not answered": "after-commit",
}
FAILED = {
    "P8 before the compensation": "before-call-compensate",
    "P8 after the compensation": "after-call-compensate",
}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with reachable_folder("crashing") as folder, running_product(folder, WRAPPED) as product:
        product.client.operate("load_sample_books")
        yield product


@pytest.fixture
def points(running: Running) -> Points:
    return Points(running.data.root / "crash")


def check(running: Running, view: TaskView, wanted: str) -> None:
    """Hold a settled task and the whole ledger against the invariants."""
    records = Records(running.data)
    assert outcome(view) == wanted
    assert records.problems([view.id], str(view.batch)) == []
    records.close()


def effects(client: Client, view: TaskView) -> int:
    told = client.operate("list_payments")
    assert isinstance(told, dict)
    return str(told["payments"]).count(f"{view.id}/")


@pytest.mark.parametrize("moment", PAID)
def test_an_invoice_is_paid_once_whenever_the_service_dies(
    running: Running, points: Points, moment: str
) -> None:
    point, client = PAID[moment], running.client
    points.arm(point, "kill")

    task = client.pay(clean_invoice(), batch=f"kill-{point}")

    eventually(lambda: points.hit_by(point) is not None, ENDS_WITHIN_S)
    died = points.hit_by(point)
    assert died is not None
    eventually(lambda: gone({died}))
    view = client.settled(task, ENDS_WITHIN_S)
    check(running, view, "scheduled")
    assert effects(client, view) == 1


@pytest.mark.parametrize("moment", DECIDED)
def test_what_a_person_approves_is_paid_once_whenever_the_service_dies(
    running: Running, points: Points, moment: str
) -> None:
    point, client = DECIDED[moment], running.client
    task = held(client, f"decide-{point}")
    with decider(client, "alice") as alice:
        asked = alice.waiting(task)
        points.arm(point, "kill")

        alice.insist(asked, "approve")

    eventually(lambda: points.hit_by(point) is not None, ENDS_WITHIN_S)
    died = points.hit_by(point)
    assert died is not None
    eventually(lambda: gone({died}))
    view = ended(client, task, ENDS_WITHIN_S)
    check(running, view, "scheduled")
    assert effects(client, view) == 1


@pytest.mark.parametrize("moment", FAILED)
def test_a_failed_task_is_undone_once_whenever_the_coordinator_dies(
    running: Running, points: Points, moment: str
) -> None:
    point, client = FAILED[moment], running.client
    points.arm(point, "kill")

    task = client.pay(sample("not-well-formed").content, batch=f"kill-{point}")

    eventually(lambda: points.hit_by(point) is not None, ENDS_WITHIN_S)
    check(running, client.settled(task, ENDS_WITHIN_S), "failed")


@pytest.mark.parametrize(
    ("point", "app_id", "seconds"),
    [
        ("before-commit", "toolbox", 8.0),
        ("after-commit", "toolbox", 25.0),
        ("after-commit", "coordinator", 8.0),
    ],
)
def test_a_sidecar_stopped_in_a_commit_doubles_nothing(
    running: Running, points: Points, point: str, app_id: str, seconds: float
) -> None:
    """Stop a sidecar with the commit under way in it; a commit is waited for 20 s."""
    client, records = running.client, Records(running.data)
    batch = f"stop-{point}-{app_id}"
    points.arm(point, "pause")
    task = client.pay(clean_invoice(), batch=batch)
    eventually(lambda: points.hit_by(point) is not None, ENDS_WITHIN_S)
    sidecar = process_of(running.data, running.suite, Target("sidecar", app_id))
    assert sidecar is not None

    os.kill(sidecar.pid, signal.SIGSTOP)
    try:
        eventually(lambda: sidecar.status() == psutil.STATUS_STOPPED)
        points.release(point)
        Event().wait(seconds)
    finally:
        os.kill(sidecar.pid, signal.SIGCONT)

    view = client.settled(task, ENDS_WITHIN_S)
    assert records.problems([task], batch) == []
    assert outcome(view) == "scheduled"
    assert effects(client, view) == 1
    records.close()
