"""Intake: from the bytes on ``task-submitted`` to an accepted task, or to a reason why not."""

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import KeySetSerialization
from pydantic import ValidationError

from quartet.contracts.base import Fields, Json
from quartet.contracts.document import Upload
from quartet.contracts.event import type_of
from quartet.contracts.task import ANONYMOUS, Document, InlineDocument, Task, TaskRequest
from quartet.packs.load import Pack
from quartet.resilience.failures import Abandon, Failing
from quartet.sidecar.ports import Invoker
from quartet.trust.digest import task_id
from quartet.trust.signing import NotGenuine, requester
from services.coordinator.messages import RUN_TASK, Start
from services.coordinator.store import TaskStore

SUBMITTED = type_of("task-submitted")
BARE = "com.dapr.event.sent"
"""The type a sidecar gives to data published without a CloudEvent of its own."""


@dataclass(frozen=True)
class Intake:
    """Accepts tasks: validates, establishes the requester, stores once, schedules."""

    pack: Pack
    store: TaskStore
    invoker: Invoker
    keys: Callable[[], KeySetSerialization]
    schedule: Callable[[str, str, Start], None]

    def take(self, raw: bytes) -> str | None:
        """Accept the task of a raw stream entry; return its id, None when it is known already.

        Raises Failing for what can not be accepted: the event then belongs in the dead letters.
        """
        event = parse(raw)
        request = self._request(event)
        task = Task(
            id=task_id(str(event["source"]), str(event["id"])),
            pack=request.pack,
            goal=request.goal,
            requester=self._requester(event),
            documents=(*request.documents, *(self._stored(d) for d in request.inline)),
            batch=request.batch,
            limits=request.limits,
        )
        run = secrets.token_hex(8)
        start = self.store.accept(task, str(event["source"]), str(event["id"]), run)
        if start is None:
            return None
        try:
            self.schedule(RUN_TASK.name, task.id, start)
        except Failing:
            # Accepted and stored: the sweep schedules what was never claimed.
            return task.id
        return task.id

    def _request(self, event: Mapping[str, Json]) -> TaskRequest:
        try:
            request = TaskRequest.model_validate(event["data"])
        except ValidationError as error:
            raise _malformed(f"data: {_faults(error)}") from error
        if request.pack != self.pack.manifest.name:
            raise Abandon(
                f"This suite runs pack {self.pack.manifest.name!r}, not {request.pack!r}. "
                "Name the pack that runs.",
                cause="data",
                title="UnknownPack",
            )
        count = len(request.documents) + len(request.inline)
        wanted = self.pack.manifest.needs_documents
        if (wanted == "one" and count != 1) or (wanted == "none" and count):
            raise Abandon(
                f"A task of pack {request.pack!r} takes {wanted} document; {count} came. "
                "Submit one task for each document.",
                cause="data",
                title="EmptyInbox" if not count else "TooManyDocuments",
            )
        return request

    def _requester(self, event: Mapping[str, Json]) -> str:
        signature = event.get("signature")
        if signature is None:
            return ANONYMOUS
        try:
            return requester(dict(event), str(signature), self.keys())
        except NotGenuine as error:
            raise Abandon(
                f"The event is not genuine: {error}. Sign it with a client key of this suite, or "
                "send it unsigned to run as anonymous.",
                cause="policy",
                title="NotGenuine",
            ) from error

    def _stored(self, inline: InlineDocument) -> Document:
        upload = Upload(
            name=inline.name,
            media_type=inline.media_type,
            content=base64.b64encode(inline.content),
        )
        return self.invoker.call("reader", "documents", upload, Document)


def parse(raw: bytes) -> Fields:
    """Return the CloudEvent of a stream entry; raises Abandon naming what is wrong with it."""
    try:
        event: Any = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"it is no JSON ({error})") from error
    if not isinstance(event, dict):
        raise _malformed("it is no JSON object")
    wrong = [
        f"{name} is missing"
        for name in ("id", "source", "specversion", "type", "data")
        if event.get(name) in (None, "")
    ]
    texts = ("id", "source", "specversion", "type", "datacontenttype", "signature")
    wrong += [f"{n} is no text" for n in texts if n in event and not isinstance(event[n], str)]
    if not wrong:
        wrong = _wrong(event)
    if wrong:
        raise _malformed("; ".join(wrong))
    return event


def unwrapped(delivered: Mapping[str, Any]) -> bytes:
    """Return the stream entry as it was written, from what the sidecar delivers for rawPayload."""
    try:
        return base64.b64decode(delivered["data_base64"], validate=True)
    except (KeyError, binascii.Error) as error:
        raise _malformed("the sidecar delivered no raw payload") from error


def _wrong(event: dict[str, Any]) -> list[str]:
    media = event.get("datacontenttype", "application/json").split(";")[0].strip()
    wrong = []
    if event["specversion"] != "1.0":
        wrong.append(f"specversion is {event['specversion']!r}, not '1.0'")
    if event["type"] not in (SUBMITTED, BARE):
        wrong.append(f"type is {event['type'][:80]!r}, not {SUBMITTED!r}")
    if media not in ("application/json", "application/cloudevents+json"):
        wrong.append(f"datacontenttype is {media[:80]!r}, not 'application/json'")
    if max(len(event["id"]), len(event["source"])) > 500:
        wrong.append("id or source is longer than 500 characters")
    return wrong


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _malformed(what: str) -> Abandon:
    return Abandon(
        f"The event on task-submitted is malformed: {what[:900]}. Send a CloudEvents 1.0 event of "
        f"type {SUBMITTED} whose data is a task request.",
        cause="data",
        title="MalformedEvent",
    )


def _faults(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
