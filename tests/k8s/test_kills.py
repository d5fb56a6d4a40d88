"""A pod of each kind is killed in the middle of a batch: each task ends once, nothing twice."""

import pytest

from tests.k8s.disturbed import disturbed
from tests.k8s.release import Release
from tests.k8s.test_install import APPS
from tests.suite.client import Client

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(600)]
DEADLINE_S = 150
"""Nothing is waited for longer: what a kill has lost ends with its deadline."""


def test_a_pod_of_each_kind_is_killed_and_each_task_ends_once_and_nothing_is_paid_twice(
    release: Release, client: Client
) -> None:
    killed: list[str] = []

    def kill_each() -> None:
        for app_id in APPS:
            (pod,) = release.pods_of(app_id)
            release.kill(pod)
            killed.append(pod)

    batch, views = disturbed(client, 20261127, "k8s-kills", kill_each, DEADLINE_S)

    left = {app_id: release.pods_of(app_id) for app_id in APPS}
    assert len(killed) == len(APPS)
    assert not set(killed) & {pod for pods in left.values() for pod in pods}
    assert len(views) == len(batch.samples)
    for app_id in APPS:
        release.await_ready(app_id, 1)
