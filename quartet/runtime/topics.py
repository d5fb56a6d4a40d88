"""Who publishes and who listens on each topic; scopes and subscriptions are generated from it."""

from dataclasses import dataclass

from quartet.contracts.event import TOPICS, Topic, dead

PUBSUB = "pubsub"
DEAD_LETTER_READER = "coordinator"


@dataclass(frozen=True)
class Traffic:
    """The app-ids that may publish on a topic, and those that listen."""

    publishers: tuple[str, ...]
    listeners: tuple[str, ...]


TRAFFIC: dict[Topic, Traffic] = {
    "task-submitted": Traffic(("client", "console"), ("coordinator",)),
    "task-planned": Traffic(("coordinator",), ("console",)),
    "subtask-completed": Traffic(("coordinator",), ("critic", "console")),
    "subtask-reviewed": Traffic(("critic",), ("coordinator", "console")),
    "approval-requested": Traffic(("toolbox",), ("console",)),
    "approval-decided": Traffic(("toolbox",), ("coordinator", "console")),
    "task-completed": Traffic(("coordinator",), ("console",)),
    "task-failed": Traffic(("coordinator",), ("console",)),
    "task-cancelled": Traffic(("coordinator",), ("console",)),
}


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
