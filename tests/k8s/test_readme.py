"""The README's section on Kubernetes alone: from an empty cluster to a paid invoice."""

import pytest

from tests.k8s.readme import BLOCKS, as_it_stands

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(400)]


def test_the_readme_goes_from_an_empty_cluster_to_a_paid_invoice() -> None:
    said = as_it_stands(BLOCKS[0])

    assert "came to its end as expected" in said
    assert "scheduled" in said, said
