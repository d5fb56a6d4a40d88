"""Installs that cannot work: each ends with its reason, and leaves nothing half-made."""

from collections.abc import Iterator

import pytest

from tests.k8s.release import CommandFailed, Release
from tests.k8s.test_uninstall import KINDS, OF_THE_NAMESPACE
from tests.suite.here import gone_within

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(300)]
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "tight", "namespace": "refused"},
    "spec": {"hard": {"pods": "0"}},
}
QUICK = ("--rollback-on-failure", "--timeout", "25s")


@pytest.fixture
def refused() -> Iterator[Release]:
    """Give a release's name in a namespace of its own, with nothing in it."""
    release = Release("refused", "refused")
    release.make_namespace()
    yield release
    release.remove()


def install(release: Release, *arguments: str) -> str:
    """Try to install; return what Helm says against it."""
    words = ("install", release.name, "k8s", "-f", str(release.values("ci")))
    with pytest.raises(CommandFailed) as refusal:
        release.helm(*words, *arguments)
    return str(refusal.value)


def nothing_is_left(release: Release) -> None:
    """Fail when anything of the release is there after a while."""
    gone_within(lambda: set(release.names(KINDS)) - OF_THE_NAMESPACE, 60)
    assert release.helm("list", "--short").split() == []


def test_an_image_that_cannot_be_pulled_ends_the_install_and_leaves_nothing(
    refused: Release,
) -> None:
    said = install(refused, "--set", "image.repository=docker.io/library/nowhere", *QUICK)

    events = refused.kubectl("get", "events", "--field-selector", "reason=Failed", "-o", "name")
    assert "pre-install" in said, said
    assert events.strip(), "no event names the image"
    nothing_is_left(refused)


def test_a_quota_that_leaves_no_room_ends_the_install_and_leaves_nothing(refused: Release) -> None:
    refused.apply(QUOTA)

    said = install(refused, *QUICK)

    reason = "reason=FailedCreate"
    events = refused.kubectl(
        "get", "events", "--field-selector", reason, "-o", "jsonpath={..message}"
    )
    assert "pre-install" in said, said
    assert "exceeded quota: tight" in events
    nothing_is_left(refused)
