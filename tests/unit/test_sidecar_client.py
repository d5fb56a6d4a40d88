"""The sidecar client: what an HTTP answer is told as; Dapr itself is for the runtime tests."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from quartet.contracts.failure import Problem
from quartet.contracts.view import Done
from quartet.resilience.failures import Abandon, Failing, RetryLater
from quartet.sidecar.client import Sidecar


@contextmanager
def answering(status: int, media: str, body: bytes) -> Iterator[Sidecar]:
    """A sidecar's port on which every request gets this answer."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-type", media)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    sidecar = Sidecar("coordinator", server.server_port)
    try:
        yield sidecar
    finally:
        sidecar.close()
        server.shutdown()
        server.server_close()
        thread.join()


def refusal(status: int, media: str, body: bytes) -> Failing:
    with answering(status, media, body) as sidecar, pytest.raises(Failing) as refused:
        sidecar.call("toolbox", "plans", None, Done)
    return refused.value


@pytest.mark.parametrize("body", [b"", b'{"says": "don'])
def test_an_answer_that_is_cut_off_may_be_asked_for_again(body: bytes) -> None:
    refused = refusal(200, "application/json", body)

    assert isinstance(refused, RetryLater)
    assert (refused.failure.title, refused.failure.cause) == ("AnswerCutOff", "network")


def test_an_answer_of_another_shape_is_not_asked_for_again() -> None:
    refused = refusal(200, "application/json", b'{"said": 1}')

    assert isinstance(refused, Abandon)
    assert refused.failure.title == "AnswerRefused"


def test_a_problem_of_the_callee_is_told_as_it_is() -> None:
    says = Problem(title="NoSuchTool", status=422, detail="No.", cause="data", advice="abandon")

    refused = refusal(422, "application/problem+json", says.model_dump_json().encode())

    assert (refused.failure.title, refused.failure.advice) == ("NoSuchTool", "abandon")


def test_a_sidecar_that_is_away_may_come_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sidecar = Sidecar("coordinator", port)

    with pytest.raises(RetryLater, match="gave no answer"):
        sidecar.call("toolbox", "plans", None, Done)

    sidecar.close()
