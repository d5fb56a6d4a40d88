"""A submitted task as it stands in an event: parsed and checked the same at every door."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from quartet.contracts.base import Fields, Json
from quartet.contracts.event import type_of
from quartet.contracts.task import TaskRequest
from quartet.packs.manifest import Manifest
from quartet.resilience.failures import Abandon

SUBMITTED = type_of("task-submitted")
BARE = "com.dapr.event.sent"
"""The type a sidecar gives to data published without a CloudEvent of its own."""


def parse(raw: bytes) -> Fields:
    """Return the CloudEvent of a stream entry; raises Abandon naming what is wrong with it."""
    try:
        event: Any = json.loads(raw, parse_constant=_no_constant)
        json.dumps(event, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise malformed(f"it is no JSON in Unicode ({error})") from error
    if not isinstance(event, dict):
        raise malformed("it is no JSON object")
    wrong = [
        f"{name} is missing"
        for name in ("id", "source", "specversion", "type", "data")
        if event.get(name) in (None, "")
    ]
    texts = ("id", "source", "specversion", "type", "datacontenttype", "signature", "attestation")
    wrong += [f"{n} is no text" for n in texts if n in event and not isinstance(event[n], str)]
    if not wrong:
        wrong = _wrong(event)
    if wrong:
        raise malformed("; ".join(wrong))
    return event


def request_of(event: Mapping[str, Json], manifest: Manifest) -> TaskRequest:
    """Return what an event asks for; raises Abandon naming what the pack can not take."""
    try:
        request = TaskRequest.model_validate(event["data"])
    except ValidationError as error:
        raise malformed(f"data: {_faults(error)}") from error
    if request.pack != manifest.name:
        raise Abandon(
            f"This suite runs pack {manifest.name!r}, not {request.pack!r}. "
            "Name the pack that runs.",
            cause="data",
            title="UnknownPack",
        )
    if above := request.limits.budget.above(manifest.budgets.task):
        raise Abandon(
            f"limits.budget asks for more than this suite allows a task: {', '.join(above)}. "
            "Ask for less, or leave it out.",
            cause="policy",
            title="BudgetTooLarge",
        )
    count = len(request.documents) + len(request.inline)
    wanted = manifest.needs_documents
    if (wanted == "one" and count != 1) or (wanted == "none" and count):
        raise Abandon(
            f"A task of pack {request.pack!r} takes {wanted} document; {count} came. "
            "Submit one task for each document.",
            cause="data",
            title="EmptyInbox" if not count else "TooManyDocuments",
        )
    return request


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
    if not (event["id"] + event["source"]).isprintable():
        wrong.append("id or source has control characters")
    return wrong


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def malformed(what: str) -> Abandon:
    """Return the refusal of an event that is none."""
    return Abandon(
        f"The event on task-submitted is malformed: {what[:900]}. Send a CloudEvents 1.0 event of "
        f"type {SUBMITTED} whose data is a task request.",
        cause="data",
        title="MalformedEvent",
    )


def _faults(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
