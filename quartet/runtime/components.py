"""The Dapr components and resiliency of a suite, as plain data; no files here."""

from typing import Any

from quartet.runtime.place import LOCAL, Place
from quartet.runtime.shape import Shape
from quartet.runtime.topics import (
    PUBSUB,
    every_topic,
    listening_rights,
    publishing_rights,
)
from quartet.runtime.workflow_access import workflow_policies

Document = dict[str, Any]
STATE_STORE = "statestore"
CONVERSATIONS = "conversations"
VERDICTS = "verdicts"
SECRETS = "secretstore"
REDIS_LOGIN = "REDIS_PASSWORD"
NOTICE_SECRETS = ("SMTP_PASSWORD", "WEBHOOK_KEY")
"""The console's: for the mail server, and for signing webhooks."""
SIGNING_SEED = "SIGNING_SEED"

# Redis acknowledges a message whose handler failed in time, so retries end before the processing
# time-out; what a killed sidecar held is delivered again 15 to 20 s later.
PROCESSING_TIMEOUT_S = 15
REDELIVER_EVERY_S = 5
EVENT_RETRIES = 13


def components(shape: Shape, place: Place = LOCAL) -> dict[str, Document]:
    """Return every resource file of `components/` by its name."""
    return {
        "statestore.yaml": _state(place, STATE_STORE, shape.workflow_apps, actorStateStore="true"),
        "conversations.yaml": _state(place, CONVERSATIONS, ("critic", *shape.specialists)),
        "verdicts.yaml": _state(place, VERDICTS, ("critic",)),
        "pubsub.yaml": _pubsub(shape, place),
        "secretstore.yaml": _secret_store(),
        "resiliency.yaml": _resiliency(shape, place),
        **{f"{p['metadata']['name']}.yaml": p for p in workflow_policies(shape)},
    }


def _component(
    name: str, kind: str, metadata: dict[str, str], scopes: tuple[str, ...] = ()
) -> Document:
    document: Document = {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": name},
        "spec": {
            "type": kind,
            "version": "v1",
            "metadata": [{"name": key, "value": value} for key, value in metadata.items()],
        },
    }
    if scopes:
        document["scopes"] = sorted(scopes)
    return document


def _redis(
    place: Place, name: str, kind: str, metadata: dict[str, str], scopes: tuple[str, ...] = ()
) -> Document:
    where = {"redisHost": place.redis, "redisUsername": place.redis_user}
    document = _component(name, kind, where | metadata, scopes)
    secret = {"name": REDIS_LOGIN, "key": REDIS_LOGIN}
    document["spec"]["metadata"].append({"name": "redisPassword", "secretKeyRef": secret})
    document["auth"] = {"secretStore": SECRETS}
    return document


def _state(place: Place, name: str, scopes: tuple[str, ...], **metadata: str) -> Document:
    prefix = {} if name == STATE_STORE else {"keyPrefix": "appid"}
    return _redis(place, name, "state.redis", prefix | metadata, scopes)


def _secret_store() -> Document:
    return _component(SECRETS, "secretstores.local.env", {"prefix": "QUARTET_"})


def _rights(rights: dict[str, list[str]]) -> str:
    return ";".join(f"{app_id}={','.join(topics)}" for app_id, topics in sorted(rights.items()))


def _pubsub(shape: Shape, place: Place) -> Document:
    listed = ",".join(every_topic())
    metadata = {
        "processingTimeout": f"{PROCESSING_TIMEOUT_S}s",
        "redeliverInterval": f"{REDELIVER_EVERY_S}s",
        "allowedTopics": listed,
        "protectedTopics": listed,
        "publishingScopes": _rights(publishing_rights()),
        "subscriptionScopes": _rights(listening_rights()),
    }
    known = {app.app_id for app in shape.apps}
    users = tuple(sorted(known & (publishing_rights().keys() | listening_rights().keys())))
    return _redis(place, PUBSUB, "pubsub.redis", metadata, users)


def _resiliency(shape: Shape, place: Place) -> Document:
    actors = {
        f"dapr.internal.{place.namespace}.{app_id}.workflow": {"timeout": "workflow"}
        for app_id in shape.workflow_apps
    }
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Resiliency",
        "metadata": {"name": "resiliency"},
        "spec": {
            "policies": {
                "timeouts": {"workflow": "1h"},
                "retries": {
                    "event": {"policy": "constant", "duration": "1s", "maxRetries": EVENT_RETRIES}
                },
            },
            "targets": {
                "actors": actors,
                "components": {PUBSUB: {"inbound": {"retry": "event"}}},
            },
        },
    }
