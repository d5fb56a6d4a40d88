"""Several replicas of every service, one of each killed in the middle of a batch."""

import pytest

from tests.k8s.disturbed import disturbed
from tests.k8s.release import Release
from tests.k8s.test_install import APPS
from tests.suite.client import Client

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(900)]
REPLICAS = {app_id: 3 if app_id in ("coordinator", "toolbox") else 2 for app_id in APPS}
"""Three of those that keep the books; 27 pods at once are too much for a node of two cores."""


def test_with_several_replicas_of_everything_a_batch_loses_nothing_when_one_of_each_is_killed(
    release: Release, client: Client
) -> None:
    more = [w for a, n in REPLICAS.items() for w in ("--set", f"apps.{a}.replicas={n}")]
    # Whoever scaled by hand owns the number of replicas until it is taken back.
    release.install("-f", str(release.values("ci")), *more, "--force-conflicts")
    assert {a: len(release.pods_of(a)) for a in APPS} == REPLICAS

    def kill_one_of_each() -> None:
        for app_id in APPS:
            release.kill(release.pods_of(app_id)[0])

    batch, views = disturbed(client, 20261131, "k8s-replicas", kill_one_of_each)

    assert batch.came_to(views) == batch.expected()
