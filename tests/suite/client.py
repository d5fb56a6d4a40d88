"""A client of a running suite: uploads, submits in every way, waits for news, reads; no test."""

import json
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx
from joserfc.jwk import OKPKey

from quartet.contracts.base import Contract, Fields, Json
from quartet.contracts.event import Topic, type_of
from quartet.contracts.task import Document
from quartet.contracts.view import (
    DeadLetters,
    DeadLetterView,
    Heard,
    OperationResult,
    Shown,
    Submitted,
    TaskList,
    TaskView,
)
from quartet.runtime import control
from quartet.runtime.issuer import OPERATOR, signed_in
from quartet.runtime.layout import HOST, App, DataFolder
from quartet.runtime.redis import connect
from quartet.runtime.shape import shape_of
from quartet.trust.signing import sign
from tests.suite.here import eventually

Got = TypeVar("Got", bound=Contract)
TOPIC: Topic = "task-submitted"
SETTLED: frozenset[Shown] = frozenset(("completed", "failed", "cancelled", "waiting"))
"""What a task is shown as when nothing moves without a person."""
PACK = "payables"
_NEWS_S = 1.0


@dataclass
class Client:
    """Somebody with the client's key, a person's sign-in and the broker's address."""

    data: DataFolder
    name: str = OPERATOR
    address: str = ""
    """Where the console is, unless it is a local suite's."""
    http: httpx.Client = field(init=False)
    key: OKPKey = field(init=False)

    def __post_init__(self) -> None:
        """Read the key of the data folder; sign in."""
        self.key = OKPKey.import_key(json.loads(self.data.client_key.read_text()))
        local = f"http://{HOST}:{app('console').app_port}"
        self.http = httpx.Client(
            base_url=f"{self.address or local}/api",
            auth=signed_in(self.data, self.name),
            timeout=30,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.http.close()

    def as_person(self, name: str) -> "Client":
        """Return a client of the same suite for another person of people.yaml."""
        return Client(self.data, name, self.address)

    @property
    def requester(self) -> str:
        """Whom the client's key stands for, as the suite's trusted keys say."""
        trusted = json.loads(self.data.client_keys.read_text())["keys"]
        return next(str(one["requester"]) for one in trusted if one["kid"] == self.key.kid)

    def upload(self, content: bytes, name: str = "document.xml") -> Document:
        """Store a document; raises for any answer but a success."""
        answer = self.http.post("/documents", params={"name": name}, content=content)
        return _read(answer, Document)

    def event(self, *documents: Document, **data: Json) -> Fields:
        """Return an unsigned submission; ``data`` goes over the defaults of a task request."""
        request: Fields = {
            "pack": PACK,
            "goal": "Pay this invoice",
            "documents": [d.model_dump(mode="json") for d in documents],
        }
        return {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": "/tests",
            "type": type_of(TOPIC),
            "datacontenttype": "application/json",
            "data": request | data,
        }

    def signed(self, event: Fields, key: OKPKey | None = None) -> Fields:
        """Return the event with the signature of the suite's client key, or of another."""
        return event | {"signature": sign(event, key or self.key)}

    def submit(self, event: Fields, *, anonymous: bool = False) -> str:
        """Submit through the console; return the task's id."""
        params = {"anonymous": anonymous}
        return _read(self.http.post("/tasks", json=event, params=params), Submitted).task

    def pay(self, content: bytes, name: str = "document.xml", **data: Json) -> str:
        """Upload a document and submit a signed task for it; return the task's id."""
        return self.submit(self.signed(self.event(self.upload(content, name), **data)))

    def publish(self, event: Json | bytes, media: str = "application/cloudevents+json") -> None:
        """Publish through the HTTP API of the sidecar ``client``."""
        url = f"http://{HOST}:{app('client').http_port}/v1.0/publish/pubsub/{TOPIC}"
        content = event if isinstance(event, bytes) else json.dumps(event).encode()
        headers = {"content-type": media}
        httpx.post(url, content=content, headers=headers, trust_env=False).raise_for_status()

    def dapr_publish(self, event: Json) -> None:
        """Publish with the Dapr CLI, as a person would at a terminal."""
        dapr = [str(self.data.binaries / "dapr"), "publish", "--publish-app-id", "client"]
        subprocess.run(
            [*dapr, "--pubsub", "pubsub", "--topic", TOPIC, "--data", json.dumps(event)],
            env=control.environment(self.data),
            capture_output=True,
            check=True,
            timeout=30,
        )

    def add_to_stream(self, event: Json | bytes) -> None:
        """Add to the Redis stream itself, as the Redis user ``client``."""
        content = event if isinstance(event, bytes) else json.dumps(event).encode()
        redis = connect(self.data, "client")
        redis.xadd(TOPIC, {"data": content})
        redis.close()

    def task(self, task: str) -> TaskView:
        """Return one task with its history."""
        return _read(self.http.get(f"/tasks/{task}"), TaskView)

    def tasks(self, batch: str) -> tuple[TaskView, ...]:
        """Return the tasks of a batch."""
        params = {"batch": batch, "most": "2000"}
        return _read(self.http.get("/tasks", params=params), TaskList).tasks

    def settled(self, task: str, within_s: float = 60) -> TaskView:
        """Wait until a task has ended or waits for a person; return it with its history."""
        try:
            self._wait(lambda: self._is_settled(task), f"task {task} to settle", within_s)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{_whole(self.task(task))}") from error
        return self.task(task)

    def batch_settled(self, batch: str, count: int, within_s: float = 120) -> dict[str, TaskView]:
        """Wait until a batch has so many tasks and all have settled; return them by id."""
        found: dict[str, TaskView] = {}

        def all_settled() -> bool:
            found.update({view.id: view for view in self.tasks(batch)})
            return len(found) >= count and all(v.shown in SETTLED for v in found.values())

        try:
            self._wait(all_settled, f"{count} tasks of batch {batch} to settle", within_s)
        except TimeoutError as error:
            late = [_whole(self.task(v.id)) for v in found.values() if v.shown not in SETTLED]
            raise AssertionError("\n".join([f"{error}; {len(found)} are there", *late])) from error
        return found

    def dead_letter(self, contained: str, within_s: float = 30) -> DeadLetterView:
        """Wait for the dead letter whose body contains this text; return it."""
        found: list[DeadLetterView] = []

        def is_there() -> bool:
            found[:] = [d for d in self.dead_letters() if contained in d.letter.body]
            return bool(found)

        eventually(is_there, within_s)
        return found[0]

    def dead_letters(self) -> tuple[DeadLetterView, ...]:
        """Return the dead letters, newest first."""
        answer = self.http.get("/dead-letters", params={"most": "1000"})
        return _read(answer, DeadLetters).letters

    def operate(self, name: str, arguments: Fields | None = None) -> Json:
        """Run an operation of the pack or the toolbox; return its result."""
        answer = self.http.post(f"/operations/{name}", json=arguments or {})
        assert answer.is_success, answer.text
        return OperationResult.model_validate_json(answer.content).root

    def records(self) -> list[dict[str, Any]]:
        """Return every audit record so far, oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.operate("export_audit", {"after": len(found), "limit": 5000})
            assert isinstance(page, dict)
            rows = page["records"]
            assert isinstance(rows, list)
            if not rows:
                return found
            found += [json.loads(str(row["record"])) for row in rows if isinstance(row, dict)]

    def _is_settled(self, task: str) -> bool:
        answer = self.http.get(f"/tasks/{task}")
        return answer.is_success and _read(answer, TaskView).shown in SETTLED

    def _wait(self, holds: Callable[[], bool], what: str, within_s: float) -> None:
        """Look again at each event that the console hears; a console that is away is waited for."""
        deadline = time.monotonic() + within_s
        heard = 0
        while True:
            try:
                if holds():
                    return
                heard = self._news(heard)
            except (httpx.HTTPError, AssertionError):
                eventually(self._console_is_there, within_s)
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {within_s:g} s for {what}")

    def _news(self, after: int) -> int:
        params = {"after": str(after), "wait_s": str(_NEWS_S)}
        events = _read(self.http.get("/events", params=params), Heard).events
        return int(str(events[-1]["number"])) if events else after

    def _console_is_there(self) -> bool:
        try:
            return self.http.get("/tasks", params={"most": "1"}).is_success
        except httpx.HTTPError:
            return False


def _whole(view: TaskView) -> str:
    """Return where a task stands and how it came there, for the message of a failed test."""
    moves = [f"  {m.at} {m.subject}: {m.before} -> {m.after} {m.why}" for m in view.history]
    return "\n".join([f"{view.id} is {view.shown}", *moves])


def app(app_id: str) -> App:
    """Return an app-id with its ports."""
    return next(one for one in shape_of(PACK).apps if one.app_id == app_id)


def shown(views: Iterable[TaskView]) -> list[Shown]:
    """Return what tasks are shown as."""
    return [view.shown for view in views]


def _read(answer: httpx.Response, contract: type[Got]) -> Got:
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    return contract.model_validate_json(answer.content)
