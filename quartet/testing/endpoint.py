"""A scripted model endpoint on loopback, over real HTTP: what it answers is the test's business."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from quartet.contracts.base import Fields, Json

Script = Callable[["Exchange"], None]


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: Fields


@dataclass(frozen=True)
class Exchange:
    """One request under way; ``over`` is set when the endpoint closes, for those who stall."""

    handler: BaseHTTPRequestHandler
    over: Event

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        """Send a whole answer; underscores in header names become hyphens."""
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.send_header("content-length", str(len(body)))
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def stall(self, begun: bytes) -> None:
        """Begin an answer and never go on."""
        self._begin(begun)
        self.over.wait(30)

    def trickle(self, every_s: float) -> None:
        """Send a byte at a time, for as long as somebody reads."""
        self._begin(b"{")
        while not self.over.wait(every_s):
            self.handler.wfile.write(b" ")
            self.handler.wfile.flush()

    def _begin(self, begun: bytes) -> None:
        self.handler.send_response(200)
        self.handler.send_header("content-type", "application/json")
        self.handler.send_header("content-length", "100000")
        self.handler.end_headers()
        self.handler.wfile.write(begun)
        self.handler.wfile.flush()


def answering(message: Fields, finish: str = "stop", **more: Json) -> Script:
    """Script a chat completion with this message; ``more`` are further fields of the answer."""
    choice: Json = {"index": 0, "message": message, "finish_reason": finish}
    usage: Json = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}
    body: Fields = {"id": "chatcmpl-1", "model": "scripted-1", "choices": [choice], "usage": usage}
    return raw(200, json.dumps(body | more).encode())


def raw(status: int, body: bytes = b"", **headers: str) -> Script:
    """Script an answer as it stands."""
    return lambda exchange: exchange.reply(status, body, **headers)


@dataclass
class Endpoint:
    """Answers request after request by its scripts, the last of them for ever."""

    scripts: list[Script]
    received: list[Received] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        """Bind a free port."""
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                endpoint.answer(self)

            def log_message(self, *_: Any) -> None:  # noqa: ANN401
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:  # noqa: ANN401
                """Let a client go that has heard enough."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def base_url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Note a request and answer by its script."""
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.received.append(Received(handler.path, headers, body))
        script = self.scripts[min(len(self.received), len(self.scripts)) - 1]
        script(Exchange(handler, self.over))

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Stop, and let those go who stall."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
