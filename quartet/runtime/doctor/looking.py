"""Looking at a running suite from the wrong side of its doors; what it means is elsewhere."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from quartet.runtime.identities import as_user
from quartet.runtime.layout import HOST, App, DataFolder

Sockets = dict[int, tuple[str, int | None]]
_LOOK = """
import json, sys
def opens(path):
    try:
        with open(path, 'rb') as file: file.read(1)
    except FileNotFoundError: return 'missing'
    except PermissionError: return 'closed'
    return 'open'
print(json.dumps({path: opens(path) for path in sys.argv[1:]}))
"""


@dataclass(frozen=True)
class Listening:
    """One socket that takes connections, and whose process has it."""

    address: str
    port: int
    pid: int | None


def listening() -> tuple[Listening, ...]:
    """Return every TCP socket of this network that takes connections."""
    return tuple(
        Listening(one.laddr.ip, one.laddr.port, one.pid)
        for one in psutil.net_connections("tcp")
        if one.laddr and one.status == psutil.CONN_LISTEN
    )


def user_of(sockets: Sequence[Listening], port: int) -> int | None:
    """Return the user of the process that listens on a port."""
    for socket in sockets:
        if socket.port == port and socket.pid is not None:
            return int(psutil.Process(socket.pid).uids().real)
    return None


def environment_of(sockets: Sequence[Listening], port: int) -> dict[str, str]:
    """Return the environment of the process that listens on a port; raises OSError for none."""
    for socket in sockets:
        if socket.port == port and socket.pid is not None:
            return psutil.Process(socket.pid).environ()
    raise OSError(f"nothing listens on port {port}")


class Visitor:
    """Sends requests to apps and sidecars as anybody on this machine could."""

    def __init__(self, data: DataFolder) -> None:
        """Take the data folder: for the one check that needs a right token."""
        self._data = data
        self._http = httpx.Client(timeout=10, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def metadata(self, app: App) -> dict[str, Any]:
        """Return what the sidecar says of itself, asked with its own token."""
        url = f"http://{HOST}:{app.http_port}/v1.0/metadata"
        answer = self._http.get(url, headers=self._token(app)).raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def without_token(self, port: int, paths: Sequence[str]) -> dict[str, int]:
        """Return how a port answers requests with no token and with a wrong one."""
        base = f"http://{HOST}:{port}"
        wrong = {"dapr-api-token": "wrong"}
        return {
            f"{path}{' with a wrong token' if headers else ''}": self._http.get(
                base + path, headers=headers
            ).status_code
            for path in paths
            for headers in ({}, wrong)
        }

    def call(self, caller: App, callee: App) -> tuple[int, str]:
        """Call a path of nobody's from one app to another, through both sidecars."""
        path = f"/v1.0/invoke/{callee.app_id}/method/callers/{caller.app_id}/nobody-s"
        url = f"http://{HOST}:{caller.http_port}{path}"
        answer = self._http.post(url, json={}, headers=self._token(caller))
        return answer.status_code, answer.text

    def _token(self, app: App) -> dict[str, str]:
        if not app.has_app:
            return {}
        return {"dapr-api-token": self._data.api_token(app.app_id).read_text().strip()}


def readable_by(uid: int, paths: Sequence[Path]) -> list[Path]:
    """Return which files a user can read; really tries, as that user."""
    command = [sys.executable, "-c", _LOOK, *map(str, paths)]
    looked = as_user(uid, command)
    if looked.returncode != 0:
        raise OSError(looked.stderr.strip() or f"user {uid} could not look")
    return [Path(path) for path, says in json.loads(looked.stdout).items() if says == "open"]


def secrets_of(data: DataFolder, app_id: str) -> tuple[Path, ...]:
    """Return what this app-id alone may read."""
    folder = data.apps / app_id
    return tuple(path for path in sorted(folder.glob("*")) if path.is_file())


def operator_secrets(data: DataFolder) -> Iterator[Path]:
    """Yield what no service may read at all."""
    for folder in (data.attestation, data.redis, data.sentry, data.root / "keys"):
        yield from (Path(at, name) for at, _, names in os.walk(folder) for name in sorted(names))
