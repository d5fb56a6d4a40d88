"""Who publishes and who listens on each topic; receivers hold every event against it."""

from dataclasses import dataclass

from quartet.contracts.event import Topic


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


def speaker(topic: Topic) -> str:
    """Return the one app-id that may publish signed events on a topic of the agents."""
    (only,) = TRAFFIC[topic].publishers
    return only
