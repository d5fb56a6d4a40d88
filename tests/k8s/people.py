"""What somebody in front of the cluster has: the keys of a release, and a client of its console."""

from pathlib import Path

from quartet.runtime.kube.fetching import fetch
from quartet.runtime.layout import DataFolder
from tests.k8s.release import Release
from tests.suite.client import Client


def client_of(release: Release, folder: Path) -> Client:
    """Return a client that signs in and signs with the keys that the chart made."""
    data = DataFolder(folder)
    fetch(release.name, release.namespace, data)
    return Client(data, address=release.address(f"{release.name}-console"))
