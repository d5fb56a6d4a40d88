"""The console's HTTP API under ``/api``: submit, upload, query, operate; pages come later."""

import base64
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlencode

from anyio import CapacityLimiter, to_thread
from dapr.ext.fastapi import DaprApp
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool

from quartet.contracts.base import Fields, TaskId
from quartet.contracts.document import MAX_DOCUMENT, Upload
from quartet.contracts.event import Topic
from quartet.contracts.person import WHOLE_TENANT
from quartet.contracts.story import CheckpointView, TaskIntent, TaskStory
from quartet.contracts.task import Document, FileName, MediaType
from quartet.contracts.view import (
    DeadLetters,
    Done,
    Heard,
    OperationArguments,
    OperationResult,
    Owner,
    Owners,
    Submitted,
    TaskIds,
    TaskList,
    TaskView,
    Why,
)
from quartet.packs.load import load
from quartet.packs.manifest import Manifest
from quartet.resilience.failures import Abandon
from quartet.service.database import connect, migrate
from quartet.service.events import Hearing
from quartet.service.people import Asker, asker_with
from quartet.service.settings import Settings, from_environment
from quartet.service.submission import parse, request_of
from quartet.service.web import build_app, serve
from quartet.sidecar.client import SECRETS, Sidecar
from quartet.trust.digest import task_id
from quartet.trust.keys import Keyring
from quartet.trust.submitters import attested
from services.console.approvals import serve_approvals
from services.console.audit import serve_audit
from services.console.canaries import serve_canaries
from services.console.feed import Feed
from services.console.notices.outbox import Outbox
from services.console.notices.posting import Posting
from services.console.shown import Shown

HEARD: tuple[Topic, ...] = (
    "task-planned",
    "subtask-completed",
    "subtask-reviewed",
    "task-completed",
    "task-failed",
    "task-cancelled",
)
MIGRATIONS = Path(__file__).parent / "migrations"
LONGEST_WAIT_S = 20.0
MOST_WAITING = 200
Watcher = Annotated[Asker, Depends(asker_with("submitter", *WHOLE_TENANT))]
Submitter = Annotated[Asker, Depends(asker_with("submitter"))]
Operator = Annotated[Asker, Depends(asker_with("operator"))]
Runner = Annotated[Asker, Depends(asker_with("operator", "auditor"))]
Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT_S)]


class TooLarge(Abandon):
    """The document is larger than the reader takes."""

    status = 413


def build(settings: Settings, sidecar: Sidecar, posting: Posting) -> FastAPI:
    """Return the app of the console; notices are posted while it serves."""
    manifest = load(settings.pack, settings.canaries).manifest
    feed = Feed()
    app = build_app(settings, manifest, posting.running, open_paths=("/api/",))
    dapr = DaprApp(app)
    hearing = Hearing(Keyring(settings.service_keys), sidecar, sidecar)
    for topic in HEARD:
        hearing.listen(dapr, topic, feed.hear)
    hearing.listen(dapr, "approval-requested", feed.and_then(posting.asked))
    hearing.listen(dapr, "approval-decided", feed.and_then(posting.decided))

    api = APIRouter(prefix="/api")
    _serve_tasks(api, sidecar, manifest)
    _serve_operators(api, sidecar)
    _serve_news(api, sidecar, feed)
    serve_approvals(api, sidecar)
    serve_canaries(api, sidecar)
    serve_audit(api, sidecar, settings.data / "trust" / "services.jwks.json")
    app.include_router(api)
    return app


def _serve_tasks(api: APIRouter, sidecar: Sidecar, manifest: Manifest) -> None:
    @api.post("/documents", dependencies=[Depends(asker_with("submitter"))])
    async def upload(
        request: Request, name: FileName = "", media_type: MediaType = "application/octet-stream"
    ) -> Document:
        content = await _body(request)
        sent = Upload(name=name, media_type=media_type, content=base64.b64encode(content))
        return await run_in_threadpool(sidecar.call, "reader", "documents", sent, Document)

    @api.post("/tasks", status_code=202)
    def submit(event: Fields, asker: Submitter, *, anonymous: bool = False) -> Submitted:
        """Submit; what no client signed is attested for who asks, also when it is anonymous."""
        event.pop("attestation", None)
        checked = parse(json.dumps(event).encode())
        request_of(checked, manifest)
        if "signature" not in checked:
            sign = sidecar.signer.sign
            checked = attested(checked, asker.person, sign, anonymous=anonymous)
        raw = json.dumps(checked).encode()
        sidecar.publish_raw("task-submitted", raw)
        return Submitted(task=task_id(str(checked["source"]), str(checked["id"])))

    @api.get("/tasks")
    def tasks(
        asker: Watcher, batch: str | None = None, state: str | None = None, most: int = 200
    ) -> TaskList:
        asked = {"batch": batch, "state": state, "most": most}
        query = urlencode({k: v for k, v in asked.items() if v is not None})
        own = sidecar.for_person(asker.token)
        return own.call("coordinator", f"tasks?{query}", None, TaskList)

    @api.get("/tasks/{task}")
    def task(task: str, asker: Watcher) -> TaskView:
        own = sidecar.for_person(asker.token)
        return own.call("coordinator", f"tasks/{quote(task, safe='')}", None, TaskView)

    @api.get("/tasks/{task}/checkpoint")
    def checkpoint(task: str, asker: Watcher) -> CheckpointView:
        own, path = sidecar.for_person(asker.token), f"tasks/{quote(task, safe='')}"
        intent = own.call("coordinator", f"{path}/intent", None, TaskIntent)
        told = own.call("toolbox", f"{path}/story", None, TaskStory)
        return CheckpointView(
            id=intent.task.id,
            messages=told.messages,
            results=told.results,
            current=intent.steps,
            resources=told.resources,
            intent=intent,
        )

    @api.post("/tasks/{task}/cancel")
    def cancel(task: str, why: Why, asker: Watcher) -> Done:
        own = sidecar.for_person(asker.token)
        return own.call("coordinator", f"tasks/{quote(task, safe='')}/cancel", why, Done)


def _serve_operators(api: APIRouter, sidecar: Sidecar) -> None:
    @api.get("/dead-letters")
    def dead_letters(asker: Operator, most: int = 100) -> DeadLetters:
        own = sidecar.for_person(asker.token)
        return own.call("coordinator", f"dead-letters?most={most}", None, DeadLetters)

    @api.post("/dead-letters/{letter}/replay")
    def replay(letter: str, asker: Operator) -> Done:
        path = f"dead-letters/{quote(letter, safe='')}/replay"
        return sidecar.for_person(asker.token).call("coordinator", path, Why(), Done)

    @api.post("/operations/{name}")
    def operate(name: str, arguments: Fields, asker: Runner) -> OperationResult:
        path, sent = f"operations/{quote(name, safe='')}", OperationArguments(arguments)
        return sidecar.for_person(asker.token).call("toolbox", path, sent, OperationResult)


def _serve_news(api: APIRouter, sidecar: Sidecar, feed: Feed) -> None:
    waiting = CapacityLimiter(MOST_WAITING)

    def ask_owners(tasks: tuple[TaskId, ...]) -> Mapping[TaskId, Owner]:
        return sidecar.call("coordinator", "owners", TaskIds(tasks=tasks), Owners).owners

    shown = Shown(feed, ask_owners)

    @api.get("/events")
    async def events(asker: Watcher, after: int = 0, wait_s: Wait = 0.0) -> Heard:
        # Threads of their own: clients that wait for news keep nobody else from the console.
        news = await to_thread.run_sync(shown.to, asker.person, after, wait_s, limiter=waiting)
        return Heard(events=tuple(news))


async def _body(request: Request) -> bytes:
    """Return the body, read no further than the largest document."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_DOCUMENT:
            says = f"The document is larger than {MAX_DOCUMENT} bytes. Send a smaller one."
            raise TooLarge(says, cause="data", title="DocumentTooLarge")
    if not content:
        raise Abandon("The document is empty. Send its bytes.", cause="data", title="EmptyDocument")
    return bytes(content)


def main() -> None:
    """Serve beside the sidecar."""
    settings = from_environment()
    sidecar = Sidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
    url = settings.database("notices")
    migrate(url, MIGRATIONS)
    posting = Posting(Outbox(connect(url)), settings.data, partial(sidecar.secret, SECRETS))
    serve(build(settings, sidecar, posting), settings)


if __name__ == "__main__":
    main()
