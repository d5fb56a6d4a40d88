"""Parts of the running suite that are away: a task ends in time and says what it waited for."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from quartet.contracts.base import Fields
from quartet.contracts.view import TaskView
from tests.suite.client import Client
from tests.suite.here import eventually
from tests.suite.invoices import clean_invoice, outcome
from tests.suite.killing import Target, process_of
from tests.suite.running import Running

pytestmark = pytest.mark.runtime
DEADLINE_S = 4
_LAUNCHERS = ("quartet.runtime.launch", "quartet.runtime.daprd")


@contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """Stop processes in their tracks for the time of a ``with`` block."""
    for one in processes:
        os.kill(one.pid, signal.SIGSTOP)
    eventually(lambda: all(one.status() == psutil.STATUS_STOPPED for one in processes))
    try:
        yield
    finally:
        for one in processes:
            os.kill(one.pid, signal.SIGCONT)


def found(running: Running, *targets: Target) -> list[psutil.Process]:
    here = [process_of(running.data, running.suite, target) for target in targets]
    present = [one for one in here if one is not None]
    assert len(present) == len(targets)
    return present


def launchers_of(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return the launchers that would start these processes again."""
    above = {one for process in processes for one in process.parents()}
    return [one for one in above if any(word in one.cmdline() for word in _LAUNCHERS)]


def short(client: Client) -> Fields:
    """Return a signed task with a short deadline; its document is uploaded already."""
    limits: Fields = {"deadline_s": DEADLINE_S}
    return client.signed(client.event(client.upload(clean_invoice()), limits=limits))


def works_again(client: Client) -> bool:
    return outcome(client.settled(client.pay(clean_invoice()))) == "scheduled"


WAITS_FOR = {
    "planner": "planner for the plan",
    "models": "planner for the plan",
    "reader": "specialist-documents for subtask 'read'",
    "specialist-finance": "specialist-finance for subtask 'settle'",
    "critic": "critic for subtask 'read'",
}


@pytest.mark.parametrize("app_id", WAITS_FOR)
def test_a_task_does_not_outlive_its_deadline_while_an_app_hangs(
    running: Running, client: Client, app_id: str
) -> None:
    event = short(client)

    with stopped(found(running, Target("app", app_id))):
        view = client.settled(client.submit(event), within_s=45)

    assert view.state == "failed"
    assert view.failure is not None
    assert view.failure.title == "DeadlineExceeded"
    assert f"did not end within {DEADLINE_S} s" in view.failure.detail
    assert WAITS_FOR[app_id] in view.failure.detail
    assert "submit again with a longer limits.deadline_s" in view.failure.detail
    assert works_again(client)


def test_a_task_waits_for_the_toolbox_and_ends_when_it_is_back(
    running: Running, client: Client
) -> None:
    event = short(client)

    with stopped(found(running, Target("app", "toolbox"))):
        task = client.submit(event)
        eventually(lambda: has_a_failure(client, task), within_s=30)

    view = client.settled(task, within_s=45)
    assert view.state == "failed"
    assert view.failure is not None
    assert view.failure.title == "DeadlineExceeded"
    assert works_again(client)


def has_a_failure(client: Client, task: str) -> bool:
    answer = client.http.get(f"/tasks/{task}")
    return answer.is_success and TaskView.model_validate_json(answer.content).failure is not None


@contextmanager
def dead(running: Running, *targets: Target) -> Iterator[None]:
    """Kill processes and keep them from coming back for the time of a ``with`` block."""
    processes = found(running, *targets)
    with stopped(launchers_of(processes)):
        for one in processes:
            one.kill()
        eventually(lambda: not any(alive(one) for one in processes))
        yield
    eventually(lambda: running.suite.not_ready() == [], within_s=60)


def test_an_app_id_that_is_dead_for_good_is_named_and_works_again_when_it_is_back(
    running: Running, client: Client
) -> None:
    name = "specialist-documents"
    event = short(client)

    with dead(running, Target("sidecar", name), Target("app", name)):
        view = client.settled(client.submit(event), within_s=45)

    assert view.failure is not None
    assert view.failure.title == "DeadlineExceeded"
    assert f"{name} for subtask 'read'" in view.failure.detail
    assert works_again(client)


@pytest.mark.parametrize("app_id", ["reader", "coordinator"])
def test_the_console_says_who_is_down_and_to_try_again(
    running: Running, client: Client, app_id: str
) -> None:
    with dead(running, Target("app", app_id)):
        upload = client.http.post("/documents", content=clean_invoice())
        listing = client.http.get("/tasks")

    answer = upload if app_id == "reader" else listing
    assert (answer.status_code, answer.json()["advice"]) == (503, "retry-later")
    assert app_id in answer.json()["detail"]
    assert "try again" in answer.json()["detail"]
    assert works_again(client)


def test_a_task_submitted_while_the_coordinator_is_down_runs_when_it_is_back(
    running: Running, client: Client
) -> None:
    event = client.signed(client.event(client.upload(clean_invoice())))

    with dead(running, Target("app", "coordinator")):
        task = client.submit(event)

    eventually(lambda: client.http.get(f"/tasks/{task}").is_success, within_s=60)
    assert outcome(client.settled(task)) == "scheduled"


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_task_submitted_while_the_broker_hangs_is_lost_nowhere(
    running: Running, client: Client
) -> None:
    event = client.signed(client.event(client.upload(clean_invoice())))
    task = client.submit(event)

    with stopped(found(running, Target("control", "redis"))):
        answer = client.http.post("/tasks", json=client.event(client.upload(clean_invoice())))

    assert answer.status_code in (202, 503)
    assert answer.status_code == 202 or answer.json()["advice"] == "retry-later"
    assert outcome(client.settled(task)) == "scheduled"
    assert works_again(client)
