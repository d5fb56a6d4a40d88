"""Keys of services replaced under load, by the commands that docs/operations.md gives."""

import json
from pathlib import Path

import pytest

from tests.k8s.disturbed import disturbed
from tests.k8s.operations import Operator, blocks_under
from tests.k8s.release import Release
from tests.suite.client import Client

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(900)]
(ROTATE,) = blocks_under("A key has leaked, or may have")
ROTATED = ("coordinator", "critic", "specialist-finance")


def test_keys_rotated_in_the_middle_of_a_batch_lose_no_task(
    release: Release, client: Client, tmp_path: Path
) -> None:
    seeds = [_seed(release, app_id) for app_id in ROTATED]
    pods = {app_id: release.pods_of(app_id) for app_id in ROTATED}

    batch, views = disturbed(
        client, 20261203, "k8s-rotation", lambda: _type(Operator(release, tmp_path))
    )

    assert batch.came_to(views) == batch.expected()
    assert not set(seeds) & {_seed(release, app_id) for app_id in ROTATED}
    assert all(not set(release.pods_of(a)) & set(pods[a]) for a in ROTATED)
    assert all(len(_kinds(release, app_id)) == 2 for app_id in ROTATED), "two keys for today"


def _type(operator: Operator) -> None:
    operator.types(ROTATE)


def _seed(release: Release, app_id: str) -> str:
    return str(release.object("secret", f"{release.name}-{app_id}-signing")["data"]["seed"])


def _kinds(release: Release, app_id: str) -> set[str]:
    """Return the keys that an app-id has for the earliest day that any has two for."""
    text = release.object("configmap", f"{release.name}-trust")["data"]["services.jwks.json"]
    keys = [key for key in json.loads(text)["keys"] if key["app"] == app_id]
    first = min(key["nbf"] for key in keys)
    return {key["kid"] for key in keys if key["nbf"] == first}
