"""The suite's Dapr components on other technology than Redis: same names, scopes and rights."""

from typing import Any

from quartet.runtime.components import SECRETS

Document = dict[str, Any]
REDIS_ONLY = ("redisHost", "redisUsername", "redisPassword")
STREAMS_ONLY = ("processingTimeout", "redeliverInterval")
STATE_URL = "STATE_URL"
KAFKA = "@kafka@"
"""The brokers, as the chart's templates know them."""


def on_postgres(store: Document) -> Document:
    """Return a state store as it is on Postgres, with tables of its own.

    Raises:
        ValueError: it is no state store on Redis.

    """
    name = store["metadata"]["name"]
    metadata = [
        *_metadata(store, "state.redis", REDIS_ONLY),
        {"name": "tablePrefix", "value": f"{name}_"},
        {"name": "metadataTableName", "value": f"{name}_metadata"},
        {"name": "connectionString", "secretKeyRef": {"name": STATE_URL, "key": STATE_URL}},
    ]
    spec = {"type": "state.postgresql", "version": "v2", "metadata": metadata}
    return store | {"spec": spec, "auth": {"secretStore": SECRETS}}


def on_kafka(broker: Document) -> Document:
    """Return the pub/sub as it is on Kafka; how to sign in is the release's to say.

    A group that is new begins with the oldest event and an event that could not even be
    dead-lettered is tried again: as on Redis, none is passed over.

    Raises:
        ValueError: it is no pub/sub on Redis.

    """
    settings = {
        "brokers": KAFKA,
        "initialOffset": "oldest",
        "consumeRetryEnabled": "true",
        "consumeRetryInterval": "1s",
    }
    metadata = [
        *({"name": name, "value": value} for name, value in settings.items()),
        *_metadata(broker, "pubsub.redis", (*REDIS_ONLY, *STREAMS_ONLY)),
    ]
    spec = {"type": "pubsub.kafka", "version": "v1", "metadata": metadata}
    return {name: part for name, part in broker.items() if name != "auth"} | {"spec": spec}


def swaps(resources: list[Document]) -> dict[str, dict[str, list[Document]]]:
    """Return, by what is swapped and for what, the components that take others' places."""
    types = [(one, one["spec"].get("type")) for one in resources]
    return {
        "state": {"postgres": [on_postgres(one) for one, kind in types if kind == "state.redis"]},
        "broker": {"kafka": [on_kafka(one) for one, kind in types if kind == "pubsub.redis"]},
    }


def _metadata(component: Document, kind: str, left_out: tuple[str, ...]) -> list[Document]:
    spec = component["spec"]
    if spec["type"] != kind:
        raise ValueError(f"{component['metadata']['name']} is {spec['type']}, not {kind}.")
    return [one for one in spec["metadata"] if one["name"] not in left_out]
