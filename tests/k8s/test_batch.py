"""All samples through console, broker and agents on the cluster."""

import pytest

from tests.suite.batches import batch_of, insist, load_books, prepared
from tests.suite.client import Client

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(300)]
SEED, SAMPLES = 20261126, 19


def test_the_sample_batch_comes_to_its_expected_outcomes(client: Client) -> None:
    check_batch(client, SEED, "k8s-batch")


def check_batch(client: Client, seed: int, name: str) -> None:
    """Submit all samples under natural keys of their own; fail unless each ends as expected."""
    batch = batch_of(seed, name, SAMPLES)
    load_books(client, batch)

    for event in prepared(client, batch):
        insist(client, event)
    views = client.batch_settled(batch.name, SAMPLES, within_s=180)

    assert batch.came_to(list(views.values())) == batch.expected()
