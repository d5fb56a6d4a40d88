"""Specialists scaled out and in while they work."""

import pytest

from tests.k8s.disturbed import disturbed
from tests.k8s.release import Release
from tests.suite.client import Client

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(900)]
SPECIALIST = "specialist-finance"


def test_specialists_are_scaled_from_one_to_three_and_back_in_the_middle_of_a_batch(
    release: Release, client: Client
) -> None:
    def scale() -> None:
        for replicas in (3, 1):
            name = f"deployment/{release.name}-{SPECIALIST}"
            release.kubectl("scale", name, f"--replicas={replicas}")
            release.await_ready(SPECIALIST, replicas)

    batch, views = disturbed(client, 20261130, "k8s-scaling", scale)

    assert batch.came_to(views) == batch.expected()
