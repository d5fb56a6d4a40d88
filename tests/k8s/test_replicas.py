"""Three replicas of every service, one of each killed in the middle of a batch."""

import pytest

from tests.k8s.disturbed import disturbed
from tests.k8s.release import Release
from tests.k8s.test_install import APPS
from tests.suite.client import Client

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(900)]


def test_with_three_replicas_of_everything_a_batch_loses_nothing_when_one_of_each_is_killed(
    release: Release, client: Client
) -> None:
    # Requests that let 27 pods onto a node of two cores.
    small = ("defaults.resources.requests.cpu=10m", "sidecar.resources.requests.cpu=10m")
    wanted = ("defaults.replicas=3", *small)
    everything = ("-f", str(release.values("ci")), *(w for s in wanted for w in ("--set", s)))
    # Whoever scaled by hand owns the number of replicas until it is taken back.
    release.install(*everything, "--force-conflicts", within_s=400)
    assert all(len(release.pods_of(app_id)) == 3 for app_id in APPS)

    def kill_one_of_each() -> None:
        for app_id in APPS:
            release.kill(release.pods_of(app_id)[0])

    batch, views = disturbed(client, 20261131, "k8s-replicas", kill_one_of_each)

    assert batch.came_to(views) == batch.expected()
    release.install("-f", str(release.values("ci")))
    assert all(len(release.pods_of(app_id)) == 1 for app_id in APPS)
