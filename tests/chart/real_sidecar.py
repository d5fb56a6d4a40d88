"""A real sidecar on its own: no control plane, no app, the components of a folder."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from quartet.cli.runtime import progress
from quartet.runtime.build import ensure_binaries
from tests.suite.here import eventually


@dataclass(frozen=True)
class Ports:
    """Where a sidecar answers on loopback."""

    http: int
    metrics: int


@contextmanager
def sidecar(app_id: str, folder: Path, secrets: dict[str, str]) -> Iterator[Ports]:
    """Run daprd with the components of a folder, `secrets` in its environment, until it answers."""
    http, grpc, internal, metrics = (_free_port() for _ in range(4))
    command = [
        *(str(ensure_binaries(progress()) / "daprd"), "--mode", "standalone"),
        *("--app-id", app_id, "--resources-path", str(folder), "--placement-host-address", ""),
        *("--dapr-http-port", str(http), "--dapr-grpc-port", str(grpc)),
        *("--dapr-internal-grpc-port", str(internal), "--dapr-listen-addresses", "127.0.0.1"),
        *("--enable-metrics", "--metrics-port", str(metrics)),
        *("--metrics-listen-address", "127.0.0.1"),
    ]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **secrets}
    log = folder / "daprd.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        return _well(http)

    try:
        eventually(answers, 60)
        yield Ports(http, metrics)
    finally:
        process.terminate()
        process.wait(20)


def _well(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v1.0/healthz/outbound").is_success
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
