"""Dapr's control plane restarted, all of it, in the middle of a batch."""

import json

import pytest

from tests.k8s.disturbed import disturbed
from tests.k8s.release import run
from tests.suite.client import Client
from tests.suite.here import eventually

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(900)]
DAPR = "dapr-system"
PARTS = (
    "deploy/dapr-operator",
    "deploy/dapr-sidecar-injector",
    "deploy/dapr-sentry",
    "statefulset/dapr-placement-server",
    "statefulset/dapr-scheduler-server",
)


def test_each_part_of_the_control_plane_restarts_in_the_middle_of_a_batch_and_each_task_ends(
    client: Client,
) -> None:
    before = _pods()

    def restart() -> None:
        run("kubectl", "-n", DAPR, "rollout", "restart", *PARTS)
        for part in PARTS:
            run("kubectl", "-n", DAPR, "rollout", "status", part, "--timeout=180s")

    batch, views = disturbed(client, 20261204, "k8s-control-plane", restart)

    assert len(before) >= len(PARTS)
    eventually(lambda: not before & _pods(), 60)
    assert batch.came_to(views) == batch.expected()


def _pods() -> set[str]:
    found = json.loads(run("kubectl", "-n", DAPR, "get", "pods", "-o", "json"))
    return {str(pod["metadata"]["uid"]) for pod in found["items"]}
