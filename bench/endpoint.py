"""A model provider on loopback in the OpenAI shape: answers by the pack's rules, after a wait.

Its own time per completion is on record, so that it can be told from the suite's. A task whose
goal asks for a wide plan gets one.
"""

import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from quartet.contracts.base import Fields
from quartet.contracts.chat import ChatRequest, Message, Purpose
from quartet.packs.load import Pack
from services.models.provider import Completion, Route
from services.models.providers.playbook import Playbook, playbook_of

WIDE = "bench: read the document {width} times"
_WIDTH = re.compile(WIDE.format(width=r"(\d+)"))
_ROUTE = Route(provider="bench", model="bench-1")
_TASK = "t-" + "0" * 24


@dataclass
class Endpoint:
    """Serves completions; ``wait_s`` may be set while it does."""

    pack: Pack
    wait_s: float = 0.0
    spent: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Bind a free port."""
        self._playbook: Playbook = playbook_of(self.pack)
        self._skills = skills_by_prompt(self.pack)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.endpoint = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def base_url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def taken(self) -> list[float]:
        """Return the seconds spent on each completion since this was last asked."""
        taken, self.spent = self.spent, []
        return taken

    def complete(self, body: Fields) -> bytes:
        """Return the answer to a request once its time is over."""
        begun = time.monotonic()
        request = self._request(body)
        answer = _as_json(wide_answer(request) or self._playbook.complete(request, _ROUTE))
        time.sleep(max(self.wait_s - (time.monotonic() - begun), 0))
        self.spent.append(time.monotonic() - begun)
        return answer

    def _request(self, body: Any) -> ChatRequest:  # noqa: ANN401
        messages = tuple(Message.model_validate(m) for m in body["messages"])
        skill = self._skills[messages[0].content or ""]
        purpose = Purpose(task=_TASK, subtask="bench", attempt=0, turn=0, skill=skill)
        return ChatRequest(purpose=purpose, messages=messages)

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
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    endpoint: Endpoint
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        server = self.server
        if not isinstance(server, _Server):
            raise TypeError("This handler serves the bench's endpoint only.")
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = server.endpoint.complete(body)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:  # noqa: ANN401
        """Say nothing."""


def skills_by_prompt(pack: Pack) -> dict[str, str]:
    """Return the skill behind each system prompt; a provider is told the prompt only."""
    found = {
        pack.text(pack.manifest.plan_prompt): "planner.draft_plan",
        pack.text(pack.manifest.synthesis_prompt): "planner.synthesize",
    }
    for skill in pack.manifest.skills:
        found[pack.text(skill.prompt)] = f"specialist.{skill.kind}"
        found[pack.text(skill.review_prompt)] = f"critic.{skill.kind}"
    return found


def wide_answer(request: ChatRequest) -> Completion | None:
    """Return plan or summary of a task whose goal asks for a wide plan; None for any other."""
    if not request.purpose.skill.startswith("planner."):
        return None
    task = json.loads(request.messages[1].content or "{}").get("task", {})
    asked = _WIDTH.fullmatch(task.get("goal", ""))
    if asked is None:
        return None
    answer: Fields = {"summary": f"Read {asked[1]} times."}
    if request.purpose.skill == "planner.draft_plan":
        answer = wide_plan(int(asked[1]), task["documents"][0]["digest"])
    return Completion(Message(role="assistant", content=json.dumps(answer)), "stop")


def wide_plan(width: int, document: str) -> Fields:
    """Return a plan of so many independent readings of one document."""
    return {
        "subtasks": [
            {
                "id": f"read-{number}",
                "kind": "read-invoice",
                "goal": "Read the document into typed fields.",
                "documents": [document],
                "acceptance": "The kind of document is what the reading says.",
            }
            for number in range(1, width + 1)
        ]
    }


def _as_json(completion: Completion) -> bytes:
    message = completion.message.model_dump(mode="json", exclude_none=True)
    choice = {"index": 0, "message": message, "finish_reason": completion.finish_reason}
    usage = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}
    name = f"bench-{time.monotonic_ns()}"
    body = {"id": name, "model": "bench-1", "choices": [choice], "usage": usage}
    return json.dumps(body).encode()
