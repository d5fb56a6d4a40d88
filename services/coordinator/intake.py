"""Intake: from the bytes on ``task-submitted`` to an accepted task, or to a reason why not."""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import KeySetSerialization

from quartet.contracts.base import Json
from quartet.contracts.document import Upload
from quartet.contracts.task import Document, InlineDocument, Task
from quartet.packs.load import Pack
from quartet.resilience.failures import Abandon, Failing
from quartet.service.submission import malformed, parse, request_of
from quartet.sidecar.ports import Invoker
from quartet.trust.digest import task_id
from quartet.trust.keys import Keyring
from quartet.trust.signing import NotGenuine
from quartet.trust.submitters import Submitter, submitter
from services.coordinator.messages import RUN_TASK, Start, instance_of
from services.coordinator.store import TaskStore


@dataclass(frozen=True)
class Intake:
    """Accepts tasks: validates, establishes the requester, stores once, schedules."""

    pack: Pack
    store: TaskStore
    invoker: Invoker
    keys: Callable[[], KeySetSerialization]
    schedule: Callable[[str, str, Start], None]
    services: Keyring

    def take(self, raw: bytes) -> str | None:
        """Accept the task of a raw stream entry; return its id, None when it is known already.

        Raises Failing for what can not be accepted: the event then belongs in the dead letters.
        """
        event = parse(raw)
        request = request_of(event, self.pack.manifest)
        who, asked_by = self._submitter(event)
        source, event_id = str(event["source"]), str(event["id"])
        task = Task(
            id=task_id(source, event_id),
            pack=request.pack,
            goal=request.goal,
            requester=who.name,
            tenant=who.tenant,
            roles=who.roles,
            documents=(*request.documents, *(self._stored(d) for d in request.inline)),
            batch=request.batch,
            limits=request.limits,
        )
        run = secrets.token_hex(8)
        start = self.store.accept(task, source, event_id, run, asked_by)
        if start is None:
            return None
        try:
            self.schedule(RUN_TASK.name, instance_of(start), start)
        except Failing:
            # Accepted and stored: the sweep schedules what was never claimed.
            return task.id
        return task.id

    def _submitter(self, event: Mapping[str, Json]) -> Submitter:
        try:
            return submitter(event, self.keys(), self.services)
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


def unwrapped(delivered: Mapping[str, Any]) -> bytes:
    """Return the stream entry as it was written, from what the sidecar delivers for rawPayload."""
    try:
        return base64.b64decode(delivered["data_base64"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise malformed("the sidecar delivered no raw payload") from error
