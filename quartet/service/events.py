"""Subscribing a service to topics through its sidecar; what a handler does lives with it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dapr.ext.fastapi import DaprApp
from pydantic import TypeAdapter, ValidationError

from quartet.contracts.audit import Act, Noted
from quartet.contracts.base import Fields, TaskId
from quartet.contracts.event import DeadLetter, Topic, dead, type_of
from quartet.contracts.traffic import speaker
from quartet.resilience.failures import Abandon, Failing
from quartet.service.log import get_logger
from quartet.sidecar.ports import Invoker, Publisher
from quartet.trust.digest import digest
from quartet.trust.keys import Keyring
from quartet.trust.signing import EVENT, NotGenuine, event_statement

Handler = Callable[[dict[str, Any]], dict[str, str]]
PUBSUB = "pubsub"
SUCCESS = {"status": "SUCCESS"}
RETRY = {"status": "RETRY"}
TASK: TypeAdapter[str] = TypeAdapter(TaskId)


def listen(dapr: DaprApp, topic: str, handler: Handler, *, raw: bool = False) -> None:
    """Subscribe a handler to a topic; it gets the event and answers SUCCESS, RETRY or DROP.

    ``raw`` delivers the exact bytes on the broker, in ``data_base64``. What fails for good goes
    to ``<topic>-dead``. What agents say is heard through ``Hearing`` only.
    """
    dapr.subscribe(
        pubsub=PUBSUB,
        topic=topic,
        metadata={"rawPayload": "true"} if raw else {},
        route=f"/events/{topic}",
        dead_letter_topic=None if topic.endswith("-dead") else f"{topic}-dead",
    )(handler)


@dataclass(frozen=True)
class Hearing:
    """Takes from the topics of agents only what the one app-id that may speak there has signed.

    Anything else is recorded in the audit and becomes a dead letter.
    """

    keyring: Keyring
    toolbox: Invoker
    publisher: Publisher

    def listen(self, dapr: DaprApp, topic: Topic, handler: Handler) -> None:
        """Subscribe a handler to the genuine events of a topic."""
        listen(dapr, topic, self.only_genuine(topic, handler))

    def only_genuine(self, topic: Topic, handler: Handler) -> Handler:
        """Return a handler that gives on what is genuine, and refuses the rest for good."""

        def hear(event: dict[str, Any]) -> dict[str, str]:
            try:
                check_genuine(self.keyring, topic, event)
            except NotGenuine as error:
                return self.refuse(topic, event, str(error))
            return handler(event)

        return hear

    def refuse(self, topic: Topic, event: dict[str, Any], why: str) -> dict[str, str]:
        """Record and bury an event; it comes again while the record can not be written."""
        says = f"The event on {topic} is not genuine: {why}. Only {speaker(topic)} may say this."
        reason = Abandon(says, cause="policy", title="EventNotGenuine")
        try:
            self.toolbox.call("toolbox", "record", _act(topic, event, reason), Noted)
        except Failing as error:
            get_logger("events").warning("%s waits: %s", topic, error.failure.detail)
            return RETRY
        bury(self.publisher, topic, reason, json.dumps(event))
        return SUCCESS


def check_genuine(keyring: Keyring, topic: Topic, event: dict[str, Any]) -> None:
    """Raise NotGenuine unless the event is signed, by whom it has to be, as what it says it is."""
    by = speaker(topic)
    if event.get("source") != f"/{by}":
        raise NotGenuine(f"its source is {str(event.get('source'))[:100]!a}")
    if event.get("type") != type_of(topic):
        raise NotGenuine(f"its type is {str(event.get('type'))[:100]!a}")
    signature = event.get("signature")
    if not isinstance(signature, str):
        raise NotGenuine("it is not signed")
    signed = keyring.verify(signature, by, EVENT)
    try:
        covered = event_statement(event)
    except (ValueError, RecursionError) as error:
        raise NotGenuine("its data has no canonical form") from error
    if signed != covered:
        raise NotGenuine("the signature covers another event")


def _act(topic: Topic, event: dict[str, Any], reason: Failing) -> Act:
    """Return the refusal for the record; the same event once."""
    body = json.dumps(event, sort_keys=True)
    named = digest(body.encode())
    said: Fields = {
        "topic": topic,
        "event": ascii(event.get("id"))[:200],
        "digest": named,
        "reason": reason.failure.detail[:500],
    }
    return Act(id=f"{topic}.{named[7:39]}", kind="event-refused", task=_task(event), body=said)


def _task(event: dict[str, Any]) -> str | None:
    """Return the task that an event names, where its data has one that could be."""
    data = event.get("data")
    try:
        return TASK.validate_python(data.get("task") if isinstance(data, dict) else None)
    except ValidationError:
        return None


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
