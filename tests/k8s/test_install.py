"""The chart installs under restricted Pod Security, proves itself, and refuses what is wrong."""

import pytest

from quartet.runtime.layout import CLIENT
from quartet.runtime.shape import shape_of
from tests.k8s.release import CommandFailed, Release

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(400)]
APPS = [app.app_id for app in shape_of("payables").apps if app.app_id != CLIENT]


def test_it_installs_in_a_namespace_that_enforces_restricted_pod_security(
    release: Release,
) -> None:
    labels = release.object("namespace", release.namespace)["metadata"]["labels"]

    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert all(release.ready(f"app.kubernetes.io/component={app_id}", 1) for app_id in APPS)


def test_each_app_has_its_sidecar_and_a_service_account_of_its_own(release: Release) -> None:
    accounts = set()
    for app_id in APPS:
        (pod,) = release.objects("pods", f"app.kubernetes.io/component={app_id}")
        parts = (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
        assert "daprd" in {one["name"] for one in parts}
        assert not pod["spec"]["automountServiceAccountToken"]
        accounts.add(pod["spec"]["serviceAccountName"])

    assert len(accounts) == len(APPS)


def test_helm_test_pays_an_invoice(release: Release) -> None:
    said = release.helm("test", release.name, "--logs", "--timeout", "180s")

    assert "came to its end as expected" in said


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("defaults.replica=2", "replica"),
        ("sidecar.gracefulShutdownSeconds=long", "gracefulShutdownSeconds"),
        ("devStores.enabled=false", "redis"),
    ],
)
def test_wrong_values_are_refused_by_name_and_change_nothing(
    release: Release, wrong: str, says: str
) -> None:
    before = release.helm("history", release.name, "-o", "json")

    with pytest.raises(CommandFailed, match=says):
        release.helm(
            "upgrade", release.name, "k8s", "-f", str(release.values("ci")), "--set", wrong
        )

    assert release.helm("history", release.name, "-o", "json") == before
