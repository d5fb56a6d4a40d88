"""The rights of app-ids on topics, for scopes and subscriptions; who may what is a contract."""

from quartet.contracts.event import TOPICS, dead
from quartet.contracts.traffic import TRAFFIC

PUBSUB = "pubsub"
DEAD_LETTER_READER = "coordinator"


def every_topic() -> tuple[str, ...]:
    """Return each topic and its dead-letter topic."""
    return (*TOPICS, *(dead(topic) for topic in TOPICS))


def publishing_rights() -> dict[str, list[str]]:
    """Return the topics each app-id may publish on; a listener may fill the dead-letter topic."""
    rights: dict[str, list[str]] = {}
    for topic, traffic in TRAFFIC.items():
        for app_id in traffic.publishers:
            rights.setdefault(app_id, []).append(topic)
        for app_id in traffic.listeners:
            rights.setdefault(app_id, []).append(dead(topic))
    return rights


def listening_rights() -> dict[str, list[str]]:
    """Return the topics each app-id may subscribe to."""
    rights: dict[str, list[str]] = {}
    for topic, traffic in TRAFFIC.items():
        for app_id in traffic.listeners:
            rights.setdefault(app_id, []).append(topic)
        rights.setdefault(DEAD_LETTER_READER, []).append(dead(topic))
    return rights
