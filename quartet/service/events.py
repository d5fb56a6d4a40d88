"""Subscribing a service to topics through its sidecar; what a handler does lives with it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from dapr.ext.fastapi import DaprApp
from pydantic import ValidationError

from quartet.contracts.event import DeadLetter, dead
from quartet.resilience.failures import Abandon, Failing
from quartet.service.log import get_logger
from quartet.sidecar.ports import Publisher
from quartet.trust.digest import digest

Handler = Callable[[dict[str, Any]], dict[str, str]]
PUBSUB = "pubsub"
SUCCESS = {"status": "SUCCESS"}
RETRY = {"status": "RETRY"}


def listen(dapr: DaprApp, topic: str, handler: Handler, *, raw: bool = False) -> None:
    """Subscribe a handler to a topic; it gets the event and answers SUCCESS, RETRY or DROP.

    ``raw`` delivers the exact bytes on the broker, in ``data_base64``. What fails for good goes
    to ``<topic>-dead``.
    """
    dapr.subscribe(
        pubsub=PUBSUB,
        topic=topic,
        metadata={"rawPayload": "true"} if raw else {},
        route=f"/events/{topic}",
        dead_letter_topic=None if topic.endswith("-dead") else f"{topic}-dead",
    )(handler)


def said_by(source: str, event: dict[str, Any]) -> None:
    """Raise Abandon unless the event names this source."""
    if event.get("source") != source:
        says = f"Only {source} may say this; the event's source is {event.get('source')!r}."
        raise Abandon(says, cause="policy", title="WrongSource")


def bury(publisher: Publisher, topic: str, reason: Failing | ValidationError, body: str) -> None:
    """Publish an event that can not be handled, with the reason, on ``<topic>-dead``."""
    if isinstance(reason, ValidationError):
        says = f"The event's data does not fit its contract: {reason}"[:900]
        reason = Abandon(says, cause="data", title="MalformedEvent")
    get_logger("events").warning("%s: %s", topic, reason.failure.detail)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    letter = DeadLetter(topic=topic, reason=reason.failure, body=body[:100_000], at=now)
    name = digest({"topic": topic, "body": letter.body})[7:39]
    publisher.publish(dead(topic), name, letter)
