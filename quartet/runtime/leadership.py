"""Frees the leadership that a killed scheduler leaves behind, so that its successor need not wait.

Dapr's scheduler holds an etcd lease of 20 s under a key named by its id; a successor of the same id
stands still until the lease has run out. The supervisor knows when the holder is dead, and revokes
that one lease. Nothing here starts or stops a scheduler.
"""

import json
from base64 import b64encode
from pathlib import Path

import httpx

from quartet.runtime.layout import ETCD_CLIENT_PORT, HOST

_KEY = b64encode(b"dapr/leadership/dapr-scheduler-server-0").decode()
_ETCD = f"http://{HOST}:{ETCD_CLIENT_PORT}/v3"


def leads(path: Path, holder: str) -> bool:
    """Tell whether the record at `path` says that this scheduler leads."""
    return path.exists() and bool(json.loads(path.read_text())["holder"] == holder)


class Leadership:
    """Remembers in a file which scheduler process took which lease."""

    def __init__(self, path: Path) -> None:
        """Take the file of the record; it outlives the supervisor."""
        self._path = path
        self._client = httpx.Client(timeout=0.3, trust_env=False)

    def look(self, holder: str) -> None:
        """Note the lease of `holder`, the running scheduler; revoke one that a dead one left."""
        if leads(self._path, holder):
            return
        try:
            lease = self._lease()
            if lease is not None and lease == self._remembered():
                self._client.post(f"{_ETCD}/lease/revoke", json={"ID": lease})
            elif lease is not None:
                self._note(lease, holder)
        except httpx.TransportError:
            return  # etcd is not up yet; the next turn looks again

    def _lease(self) -> str | None:
        answer = self._client.post(f"{_ETCD}/kv/range", json={"key": _KEY})
        found = answer.json().get("kvs", []) if answer.is_success else []
        return str(found[0]["lease"]) if found else None

    def _remembered(self) -> str | None:
        if not self._path.exists():
            return None
        return str(json.loads(self._path.read_text())["lease"])

    def _note(self, lease: str, holder: str) -> None:
        partial = self._path.with_suffix(".new")
        partial.write_text(json.dumps({"lease": lease, "holder": holder}) + "\n")
        partial.replace(self._path)
