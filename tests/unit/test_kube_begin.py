"""A service begins only beside a sidecar that is new enough."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from quartet.runtime.kube.begin import too_old, version
from quartet.runtime.layout import DAPR_VERSION, repository


@contextmanager
def sidecar(says: str) -> Iterator[dict[str, str]]:
    """Answer as a sidecar of this version does to who has its token."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["dapr-api-token"] == "its-token"
            self.send_response(200 if known and self.path == "/v1.0/metadata" else 401)
            self.end_headers()
            self.wfile.write(json.dumps({"id": "planner", "runtimeVersion": says}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield {"DAPR_HTTP_PORT": str(server.server_port), "DAPR_API_TOKEN": "its-token"}
        server.shutdown()
        thread.join()


def begun(env: dict[str, str], folder: Path) -> "subprocess.CompletedProcess[str]":
    (folder / "the_service.py").write_text("print('it serves')")
    path = f"{folder}:{repository()}"
    return subprocess.run(
        [sys.executable, "-m", "quartet.runtime.kube.begin", "the_service"],
        env=env | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_beside_an_old_sidecar_it_does_not_begin_and_says_what_to_do(tmp_path: Path) -> None:
    with sidecar("1.17.4") as env:
        done = begun(env, tmp_path)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("The sidecar of this pod is Dapr 1.17.4: the suite needs 1.18.2")
    assert "Upgrade Dapr's control plane" in done.stderr


def test_beside_a_new_one_the_service_takes_its_place(tmp_path: Path) -> None:
    with sidecar(DAPR_VERSION) as env:
        done = begun(env, tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "it serves\n", "")


@pytest.mark.parametrize("found", ["1.18.2", "1.18.10", "v1.19.0", "2.0.0-rc.1", "edge", ""])
def test_what_is_new_or_says_nothing_will_do(found: str) -> None:
    assert too_old(found) == ""


@pytest.mark.parametrize("found", ["1.18.1", "1.9.9", "v1.17.4", "0.99.99"])
def test_what_is_older_will_not(found: str) -> None:
    assert found in too_old(found)


def test_a_sidecar_that_never_answers_is_the_services_own_to_wait_for() -> None:
    assert version({"DAPR_HTTP_PORT": "1"}, within_s=0.2) == ""


def test_with_another_token_nothing_is_learnt() -> None:
    with sidecar("1.17.4") as env:
        assert version(env | {"DAPR_API_TOKEN": "another"}) == ""
