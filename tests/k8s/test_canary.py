"""A canary of a specialist on a cluster: declared, given all new tasks, then none, taken away."""

import pytest

from quartet.contracts.view import TaskView
from tests.k8s.disturbed import disturbed
from tests.k8s.release import Release
from tests.suite.canary import BASE, CANARY, canary, standing
from tests.suite.client import Client
from tests.suite.here import eventually

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(1800)]
DECLARED = (
    "--set-json",
    f'canaries={{"{BASE}": {{"extraEnv": [{{"name": "TRIED", "value": "1.1"}}]}}}}',
)


def workers(views: list[TaskView]) -> set[str]:
    """Return which of base and canary worked on a subtask of these tasks."""
    return {s.app_id for view in views for s in view.subtasks} & {BASE, CANARY}


@pytest.fixture(autouse=True)
def _console(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command find the console as the chart's README says."""
    monkeypatch.setenv("QUARTET_CONSOLE", client.address)


def test_a_declared_canary_gets_no_task_then_all_new_ones_then_none_and_goes(
    release: Release, client: Client
) -> None:
    ci = ("-f", str(release.values("ci")))
    release.install(*ci, *DECLARED)
    release.await_ready(CANARY, 1)

    def promote() -> None:
        canary(client, "promote", CANARY)

    def roll_back() -> None:
        canary(client, "rollback", CANARY, "--why", "the drill says so")

    first, before = disturbed(client, 20261205, "k8s-canary-declared", lambda: None)
    promote()
    second, promoted = disturbed(client, 20261206, "k8s-canary-promoted", roll_back)
    third, after = disturbed(client, 20261207, "k8s-canary-after", lambda: None)
    # What it proposed and people have yet to approve is carried out when it is gone, too.
    held = [view for view in promoted if view.shown == "waiting" and CANARY in workers([view])]
    eventually(lambda: standing(client).under_way == len(held))
    release.install(*ci)
    fourth, gone = disturbed(client, 20261208, "k8s-canary-gone", lambda: None)

    assert workers(before) == workers(after) == workers(gone) == {BASE}
    assert CANARY in workers(promoted)
    assert release.pods_of(CANARY) == []
    for batch, views in ((first, before), (second, promoted), (third, after), (fourth, gone)):
        assert batch.came_to(views) == batch.expected()
