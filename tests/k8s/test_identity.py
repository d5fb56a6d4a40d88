"""Pods that are not whom they would have to be: their sidecars have no access."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.k8s.release import Release, run
from tests.suite.here import eventually

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(300)]
ELSEWHERE = "elsewhere"
ASK = """
import sys, urllib.request, urllib.error
url = f"http://127.0.0.1:3500/v1.0/invoke/{sys.argv[1]}/method/callers/coordinator/audit/root"
try:
    print(urllib.request.urlopen(url, timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode()[:300])
"""


def intruder(release: Release, name: str, namespace: str, app_id: str) -> dict[str, Any]:
    """Return a pod with a sidecar of this app-id, that waits."""
    one = release.objects("pods", "app.kubernetes.io/component=critic")[0]
    app = next(c for c in one["spec"]["containers"] if c["name"] != "daprd")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {
                "dapr.io/enabled": "true",
                "dapr.io/app-id": app_id,
                "dapr.io/disable-builtin-k8s-secret-store": "true",
            },
        },
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": one["spec"]["securityContext"],
            "containers": [
                {
                    "name": "waits",
                    "image": app["image"],
                    "imagePullPolicy": app["imagePullPolicy"],
                    "command": ["python3", "-c", "import signal; signal.pause()"],
                    "securityContext": app["securityContext"],
                }
            ],
        },
    }


@pytest.fixture
def elsewhere(release: Release) -> Iterator[str]:
    """Make another namespace."""
    Release(release.name, ELSEWHERE).make_namespace()
    yield ELSEWHERE
    run("kubectl", "delete", "namespace", ELSEWHERE, "--wait")


def asked(release: Release, name: str, namespace: str) -> str:
    """Return what the sidecar of a pod answers when it asks for a verb of the coordinator's."""
    target = f"toolbox.{release.namespace}"
    words = ["exec", "-n", namespace, name, "-c", "waits", "--", "python3", "-c", ASK, target]
    said: list[str] = []

    def answered() -> bool:
        try:
            said.append(run("kubectl", *words))
        except AssertionError:
            return False
        return True

    eventually(answered, 90)
    return said[0]


def test_a_coordinator_of_another_namespace_is_refused(release: Release, elsewhere: str) -> None:
    release.apply(intruder(release, "impostor", elsewhere, "coordinator"))

    assert asked(release, "impostor", elsewhere).startswith("403")


def test_a_stranger_in_the_same_namespace_is_refused(release: Release) -> None:
    release.apply(intruder(release, "stranger", release.namespace, "stranger"))
    try:
        assert asked(release, "stranger", release.namespace).startswith("403")
    finally:
        release.kubectl("delete", "pod", "stranger", "--wait")
