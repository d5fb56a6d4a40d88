"""A console of its own for tests of the command: real HTTP, tasks in memory, no suite behind it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from joserfc.jwk import KeySetSerialization

from quartet.contracts.approval import ApprovalGroup, ApprovalList, ApprovalView
from quartet.contracts.base import Fields
from quartet.contracts.canary import Canaries, CanaryView, ShareWanted
from quartet.contracts.event import DeadLetter
from quartet.contracts.failure import Failure, Problem
from quartet.contracts.task import Document, InlineDocument, Task, TaskRequest
from quartet.contracts.view import (
    DeadLetters,
    DeadLetterView,
    Done,
    Heard,
    SubtaskView,
    TaskList,
    TaskView,
    Why,
)
from quartet.trust.digest import digest, task_id
from quartet.trust.people import AUDIENCE, LOCAL_ISSUER, NotSignedIn, verify


@dataclass
class StandIn:
    """What was sent to the console, and what it answers."""

    tasks: dict[str, TaskView] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    operations: dict[str, Any] = field(default_factory=lambda: {"show_budgets": {"accounts": []}})
    letters: list[DeadLetterView] = field(default_factory=list)
    approvals: dict[int, ApprovalView] = field(default_factory=dict)
    canaries: dict[str, CanaryView] = field(default_factory=dict)
    decided: list[tuple[int, str, Fields]] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    """The filters of the newest list of approvals."""
    url: str = ""
    keys: KeySetSerialization = field(default_factory=lambda: KeySetSerialization(keys=[]))
    """Whose tokens sign people in."""
    speakers: list[str] = field(default_factory=list)
    """Who sent each request."""
    buries: bool = False
    """Whether what is submitted becomes a dead letter."""

    def take(self, event: dict[str, Any]) -> str:
        """Take a task in, completed at once, or bury it."""
        self.events.append(event)
        name = task_id(event["source"], event["id"])
        if self.buries:
            self.bury(event)
            return name
        request = TaskRequest.model_validate(event["data"])
        inline = tuple(_stored(d) for d in request.inline)
        task = Task(
            id=name,
            pack=request.pack,
            goal=request.goal,
            requester="local-client" if "signature" in event else "anonymous",
            documents=request.documents + inline,
            batch=request.batch,
        )
        self.tasks[name] = completed(task)
        return name

    def bury(self, event: dict[str, Any]) -> None:
        """Keep an event as a dead letter."""
        reason = Failure(
            title="MalformedEvent", detail="It is no task.", cause="data", advice="abandon"
        )
        letter = DeadLetter(
            topic="task-submitted", reason=reason, body=json.dumps(event), at="2026-01-01"
        )
        self.letters.append(DeadLetterView(id=f"letter-{len(self.letters)}", letter=letter))


def completed(task: Task) -> TaskView:
    """Return the view of a task that has ended well."""
    plain = task.model_dump(exclude={"limits", "roles"})
    return TaskView.model_validate(
        plain
        | {
            "state": "completed",
            "shown": "completed",
            "summary": "done",
            "created": "2026-01-01T10:00:00.000Z",
            "changed": "2026-01-01T10:00:01.500Z",
            "subtasks": (
                SubtaskView(
                    id="read",
                    kind="read-invoice",
                    app_id="specialist-documents",
                    state="done",
                    attempt=1,
                    decision="invoice",
                ),
            ),
        }
    )


def _stored(document: InlineDocument) -> Document:
    content = document.content
    return Document(digest=digest(content), name=document.name, size=len(content))


def refusal(status: int, title: str, detail: str) -> JSONResponse:
    """Return a problem document."""
    p = Problem(title=title, status=status, detail=detail, cause="data", advice="abandon")
    return JSONResponse(p.model_dump(exclude_none=True), status)


def build(stand_in: StandIn) -> FastAPI:
    """Return the app: the paths of the console's API."""
    app = FastAPI()

    @app.middleware("http")
    async def admit(request: Request, call_next: Any) -> Any:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            person = verify(token, stand_in.keys, LOCAL_ISSUER, AUDIENCE, datetime.now(UTC))
        except NotSignedIn as error:
            return refusal(401, "NotSignedIn", str(error))
        stand_in.speakers.append(person.name)
        return await call_next(request)

    _serve_tasks(app, stand_in)
    _serve_operators(app, stand_in)
    _serve_approvals(app, stand_in)
    return app


def _serve_tasks(app: FastAPI, stand_in: StandIn) -> None:
    @app.post("/api/documents")
    async def upload(request: Request, name: str) -> Document:
        content = await request.body()
        stand_in.uploads.append(name)
        return Document(digest=digest(content), name=name, size=len(content))

    @app.post("/api/tasks")
    def submit(event: Fields) -> dict[str, str]:
        return {"task": stand_in.take(event)}

    @app.get("/api/tasks")
    def tasks(batch: str | None = None, state: str | None = None) -> TaskList:
        found = [t for t in stand_in.tasks.values() if batch in (None, t.batch)]
        return TaskList(tasks=tuple(t for t in found if state in (None, t.shown)))

    @app.get("/api/tasks/{task}", response_model=None)
    def task(task: str) -> TaskView | JSONResponse:
        known = stand_in.tasks.get(task)
        return known or refusal(400, "UnknownTask", f"There is no task {task!r}.")

    @app.post("/api/tasks/{task}/cancel")
    def cancel(task: str, why: Why) -> Done:
        return Done(says=f"{task} is being cancelled: {why.why}")


def _serve_operators(app: FastAPI, stand_in: StandIn) -> None:
    @app.get("/api/dead-letters")
    def dead_letters() -> DeadLetters:
        return DeadLetters(letters=tuple(stand_in.letters))

    @app.post("/api/dead-letters/{letter}/replay")
    def replay(letter: str) -> Done:
        return Done(says=f"{letter}: taken in again")

    @app.post("/api/operations/{name}", response_model=None)
    def operate(name: str, arguments: Fields) -> Any:
        del arguments
        return stand_in.operations.get(name) or refusal(404, "NoSuchOperation", f"No {name}.")

    @app.get("/api/canaries")
    def canaries() -> Canaries:
        return Canaries(canaries=tuple(stand_in.canaries.values()))

    @app.post("/api/canaries/{app_id}", response_model=None)
    def give(app_id: str, wanted: ShareWanted) -> CanaryView | JSONResponse:
        if app_id not in stand_in.canaries:
            return refusal(404, "UnknownCanary", f"There is no canary {app_id!r}.")
        more = {"percent": wanted.percent, "why": wanted.why, "by": stand_in.speakers[-1]}
        stand_in.canaries[app_id] = stand_in.canaries[app_id].model_copy(update=more)
        return stand_in.canaries[app_id]

    @app.get("/api/events")
    def events() -> Heard:
        return Heard(events=())


def _serve_approvals(app: FastAPI, stand_in: StandIn) -> None:
    @app.get("/api/approvals")
    def approvals(request: Request) -> ApprovalList:
        stand_in.asked = dict(request.query_params)
        found = [a for a in stand_in.approvals.values() if stand_in.asked.get("state") is None]
        alike = ApprovalGroup(
            requester="dora",
            tool="schedule_payment",
            counterparty="Vendor V-1",
            count=2,
            oldest=next(iter(stand_in.approvals.values())).asked_at,
            amounts={"EUR": "40000.00"},
        )
        return ApprovalList(approvals=tuple(found), groups=(alike,))

    @app.get("/api/approvals/{approval}", response_model=None)
    def approval(approval: int) -> ApprovalView | JSONResponse:
        known = stand_in.approvals.get(approval)
        return known or refusal(404, "NoSuchApproval", f"There is no approval {approval}.")

    @app.post("/api/approvals/{approval}/{decision}")
    def decide(approval: int, decision: str, said: Fields) -> ApprovalView:
        stand_in.decided.append((approval, decision, said))
        return stand_in.approvals[approval]


@contextmanager
def serving(stand_in: StandIn) -> Iterator[StandIn]:
    """Serve a stand-in on a free port for the time of a `with` block."""
    up = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            up.set()

    server = Server(uvicorn.Config(build(stand_in), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert up.wait(20)
        port = server.servers[0].sockets[0].getsockname()[1]
        stand_in.url = f"http://127.0.0.1:{port}"
        yield stand_in
    finally:
        server.should_exit = True
        thread.join()
