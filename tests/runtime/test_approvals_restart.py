"""A held payment outlives everything: a full restart, and kills between intent and outcome."""

from collections.abc import Iterator

import pytest

from quartet.contracts.approval import ApprovalView
from tests.suite.approving import decider, ended, held
from tests.suite.client import Client
from tests.suite.here import eventually
from tests.suite.invariants import Records
from tests.suite.invoices import outcome
from tests.suite.killing import Target, is_back, kill
from tests.suite.running import Running, running_product

pytestmark = [pytest.mark.runtime, pytest.mark.kill, pytest.mark.timeout(420)]
BETWEEN_INTENT_AND_APPROVAL = (
    Target("app", "toolbox"),
    Target("app", "coordinator"),
    Target("sidecar", "toolbox"),
    Target("sidecar", "coordinator"),
    Target("control", "redis"),
    Target("control", "scheduler"),
)
BETWEEN_APPROVAL_AND_OUTCOME = (
    Target("app", "toolbox"),
    Target("sidecar", "coordinator"),
    Target("app", "coordinator"),
    Target("sidecar", "toolbox"),
)


def payments(client: Client, task: str) -> int:
    told = client.operate("list_payments")
    assert isinstance(told, dict)
    return str(told["payments"]).count(f"{task}/")


def kill_and_wait(running: Running, target: Target) -> None:
    """Kill a process and wait for its successor."""
    killed = kill(running.data, running.suite, target)
    eventually(lambda: is_back(running.data, running.suite, target, killed), 60)


def check(running: Running, task: str, batch: str) -> None:
    """Hold a task that was approved against everything that is on record."""
    records = Records(running.data)
    view = ended(running.client, task, 150)
    assert (view.state, outcome(view)) == ("completed", "scheduled")
    assert records.problems([task], batch) == []
    records.close()
    assert payments(running.client, task) == 1


@pytest.fixture(scope="module")
def once_restarted(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Running, str, ApprovalView]]:
    """Run everything, hold a payment, stop everything, run it again on the same folder."""
    folder = tmp_path_factory.mktemp("restarted")
    with running_product(folder) as first:
        task = held(first.client, "restart")
        with decider(first.client, "alice") as alice:
            asked = alice.waiting(task)
    with running_product(folder) as again:
        yield again, task, asked


def test_an_approval_decided_after_a_full_restart_of_everything_pays_once(
    once_restarted: tuple[Running, str, ApprovalView],
) -> None:
    running, task, asked = once_restarted
    assert running.client.task(task).shown == "waiting"

    with decider(running.client, "alice") as alice:
        alice.decide(asked, "approve")

    check(running, task, "restart")


def test_whatever_is_killed_between_intent_approval_and_outcome_it_is_paid_once(
    once_restarted: tuple[Running, str, ApprovalView],
) -> None:
    running, _, _ = once_restarted
    task = held(running.client, "killed")
    with decider(running.client, "alice") as alice:
        asked = alice.waiting(task)

        for target in BETWEEN_INTENT_AND_APPROVAL:
            kill_and_wait(running, target)
        alice.insist(asked, "approve")
    for target in BETWEEN_APPROVAL_AND_OUTCOME:
        kill(running.data, running.suite, target)

    check(running, task, "killed")
