"""Subscribing a service to topics through its sidecar; what a handler does lives with it."""

from collections.abc import Callable
from typing import Any

from dapr.ext.fastapi import DaprApp

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
