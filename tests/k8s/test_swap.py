"""Parts swapped by values: the same batch with the state in a Postgres of somebody else's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.k8s.people import client_of
from tests.k8s.release import Release
from tests.k8s.test_batch import check_batch
from tests.suite.client import Client

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(500)]
IMAGE = "docker.io/library/postgres:15-bookworm"
PASSWORD = "of-a-test-alone"
URL = f"postgres://state:{PASSWORD}@outside:5432/state?sslmode=disable"
SEED = 20261201


def outside(namespace: str) -> list[dict[str, object]]:
    """Return a Postgres that the release knows nothing of, and the Secret with its URL."""
    labels = {"app": "outside"}
    container = {
        "name": "postgres",
        "image": IMAGE,
        "env": [
            {"name": "POSTGRES_USER", "value": "state"},
            {"name": "POSTGRES_PASSWORD", "value": PASSWORD},
            {"name": "PGDATA", "value": "/data/pgdata"},
        ],
        "readinessProbe": {"exec": {"command": ["pg_isready", "-h", "127.0.0.1"]}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "run", "mountPath": "/var/run/postgresql"},
        ],
    }
    pod = {
        "containers": [container],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 999,
            "fsGroup": 999,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "run", "emptyDir": {}}],
    }
    place = {"name": "outside", "namespace": namespace}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {**place, "labels": labels}, "spec": pod},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": place,
            "spec": {"selector": labels, "ports": [{"port": 5432}]},
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": place, "stringData": {"url": URL}},
    ]


@pytest.fixture
def swapped(tmp_path: Path) -> Iterator[Client]:
    """Give a client of a release whose sidecars keep their state in that Postgres."""
    release = Release("swapped", "swapped")
    release.make_namespace()
    release.apply(*outside(release.namespace))
    release.kubectl("wait", "--for=condition=Ready", "pod/outside", "--timeout=90s")
    swap = ("state.type=postgres", "state.existingSecret=outside")
    release.install("-f", str(release.values("ci")), *(w for s in swap for w in ("--set", s)))
    with client_of(release, tmp_path) as client:
        yield client
    release.remove()


def test_the_sample_batch_comes_to_its_expected_outcomes_with_the_state_in_postgres(
    swapped: Client,
) -> None:
    check_batch(swapped, SEED, "k8s-swapped")
