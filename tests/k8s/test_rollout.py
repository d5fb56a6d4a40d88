"""Upgrade to a changed version in the middle of a batch, and back to the one before."""

import json

import pytest

from tests.k8s.disturbed import disturbed
from tests.k8s.release import Release
from tests.k8s.test_install import APPS
from tests.suite.client import Client

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(900)]
CHANGED = ("--set", "podLabels.version=changed")


def test_an_upgrade_in_the_middle_of_a_batch_loses_nothing(
    release: Release, client: Client
) -> None:
    before = {app_id: release.pods_of(app_id) for app_id in APPS}

    def upgrade() -> None:
        release.install("-f", str(release.values("ci")), *CHANGED)

    batch, views = disturbed(client, 20261128, "k8s-upgrade", upgrade)

    assert batch.came_to(views) == batch.expected()
    assert all(not set(release.pods_of(a)) & set(before[a]) for a in APPS)


def test_a_roll_back_brings_the_version_before_and_the_suite_works(
    release: Release, client: Client
) -> None:
    revisions = json.loads(release.helm("history", release.name, "-o", "json"))

    def roll_back() -> None:
        target = str(revisions[-2]["revision"])
        release.helm("rollback", release.name, target, "--wait", "--timeout", "240s")

    batch, views = disturbed(client, 20261129, "k8s-rollback", roll_back)

    labels = [pod["metadata"]["labels"] for a in APPS for pod in _pods(release, a)]
    assert all("version" not in one for one in labels)
    assert batch.came_to(views) == batch.expected()


def _pods(release: Release, app_id: str) -> list[dict[str, dict[str, dict[str, str]]]]:
    names = set(release.pods_of(app_id))
    pods = release.objects("pods", f"app.kubernetes.io/component={app_id}")
    return [pod for pod in pods if pod["metadata"]["name"] in names]
