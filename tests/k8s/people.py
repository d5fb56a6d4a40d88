"""What somebody in front of the cluster has: the keys of a release, and a client of its console."""

import base64
from pathlib import Path

from quartet.runtime.layout import DataFolder
from tests.k8s.release import Release
from tests.suite.client import Client


def client_of(release: Release, folder: Path) -> Client:
    """Return a client that signs in and signs with the keys that the chart made."""
    data = DataFolder(folder)
    data.client_key.parent.mkdir(parents=True)
    for secret, path in (("client", data.client_key), ("issuer", data.issuer_key)):
        kept = release.object("secret", f"{release.name}-{secret}")["data"]
        path.write_bytes(base64.b64decode(kept[path.name]))
        path.chmod(0o600)
    trust = release.object("configmap", f"{release.name}-trust")["data"]
    data.people.write_text(trust[data.people.name])
    return Client(data, address=release.address(f"{release.name}-console"))
