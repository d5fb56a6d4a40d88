"""Events of agents: only what the one app-id signed that may say it gets to a handler."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quartet.contracts.audit import Act, Noted
from quartet.contracts.base import Fields
from quartet.contracts.event import DeadLetter
from quartet.resilience.failures import RetryLater
from quartet.service.events import RETRY, SUCCESS, Hearing
from quartet.testing.ports import Outbox, Peers
from quartet.testing.signing import keyring, seed_of, signer
from quartet.trust.keys import EPOCH_S, Signer
from quartet.trust.signing import EVENT, event_statement

NOW = 20_000 * EPOCH_S + 1000.0
TASK = "t-" + "1" * 24
SAID: Fields = {
    "id": "e-1",
    "source": "/critic",
    "type": "quartet.subtask.reviewed.v1",
    "data": {"task": TASK, "amount": 1.0, "text": "Grüße"},
}


def signed(event: Fields = SAID, by: str = "critic", now: float = NOW) -> dict[str, Any]:
    return event | {"signature": signer(by, lambda: now).sign(event_statement(event), EVENT)}


def header(event: dict[str, Any], **changed: object) -> dict[str, Any]:
    """Return the event with a changed header in its signature."""
    first, rest = str(event["signature"]).split(".", 1)
    opened = json.loads(base64.urlsafe_b64decode(first + "=="))
    again = base64.urlsafe_b64encode(json.dumps(opened | changed).encode()).decode().rstrip("=")
    return event | {"signature": f"{again}.{rest}"}


class Scene:
    """A hearing with what came of it."""

    def __init__(self, folder: Path) -> None:
        self.peers, self.outbox = Peers(), Outbox()
        self.heard: list[dict[str, Any]] = []
        self.peers.answers["toolbox", "record"] = lambda _: Noted(new=True)
        hearing = Hearing(keyring(folder, lambda: NOW), self.peers, self.outbox)
        self.hear = hearing.only_genuine("subtask-reviewed", self._take)

    def _take(self, event: dict[str, Any]) -> dict[str, str]:
        self.heard.append(event)
        return SUCCESS


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_genuine_event_is_heard(scene: Scene) -> None:
    assert scene.hear(signed()) == SUCCESS
    assert len(scene.heard) == 1
    assert scene.outbox.published == []


def test_what_a_sidecar_adds_or_writes_another_way_changes_nothing(scene: Scene) -> None:
    delivered = signed() | {"traceid": "00-1", "pubsubname": "pubsub", "topic": "subtask-reviewed"}
    data = {"text": "Grüße", "task": TASK, "amount": 1}

    scene.hear(delivered | {"data": data})

    assert len(scene.heard) == 1


FORGED: dict[str, Callable[[], dict[str, Any]]] = {
    "unsigned": lambda: dict(SAID),
    "a signature that is no text": lambda: SAID | {"signature": 7},
    "a false source": lambda: signed() | {"source": "/coordinator"},
    "a source without its slash": lambda: signed(SAID | {"source": "critic"}),
    "signed by another app": lambda: signed(by="planner"),
    "signed by another app as itself": lambda: signed(SAID | {"source": "/planner"}, "planner"),
    "another type": lambda: signed(SAID | {"type": "quartet.task.completed.v1"}),
    "a changed body": lambda: signed() | {"data": {"task": TASK, "amount": 2, "text": "Grüße"}},
    "a changed id": lambda: signed() | {"id": "e-2"},
    "the signature of another event": lambda: (
        SAID | {"signature": signed(SAID | {"id": "e-2"})["signature"]}
    ),
    "alg none": lambda: header(signed(), alg="none"),
    "HS256": lambda: header(signed(), alg="HS256"),
    "unknown crit": lambda: header(signed(), crit=["exp"]),
    "another kid": lambda: header(signed(), kid="critic.1.00000000"),
    "a foreign key": lambda: (
        SAID
        | {
            "signature": Signer("critic", lambda: b"foreign", lambda: NOW).sign(
                event_statement(SAID), EVENT
            )
        }
    ),
    "an expired key": lambda: signed(now=NOW - EPOCH_S),
    "a statement of another type": lambda: (
        SAID
        | {"signature": signer("critic", lambda: NOW).sign(event_statement(SAID), "txntoken+jwt")}
    ),
    "data that has no canonical form": lambda: signed() | {"data": 2**60},
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_event_is_recorded_and_buried(scene: Scene, name: str) -> None:
    assert seed_of("critic") != seed_of("planner")

    assert scene.hear(FORGED[name]()) == SUCCESS

    assert scene.heard == []
    (letter,) = [d for t, _, d in scene.outbox.published if t == "subtask-reviewed-dead"]
    assert isinstance(letter, DeadLetter)
    assert letter.reason.title == "EventNotGenuine"
    (act,) = scene.peers.sent_to("toolbox", "record")
    assert isinstance(act, Act)
    assert act.kind == "event-refused"


def test_the_record_names_the_task_and_the_same_event_is_one_act(scene: Scene) -> None:
    scene.hear(dict(SAID))
    scene.hear(dict(SAID))

    first, second = scene.peers.sent_to("toolbox", "record")
    assert isinstance(first, Act)
    assert isinstance(second, Act)
    assert (first.id, first.task) == (second.id, TASK)


def test_what_cannot_be_recorded_comes_again(scene: Scene) -> None:
    scene.peers.failures.append(RetryLater("away", cause="network"))

    assert scene.hear(dict(SAID)) == RETRY

    assert scene.outbox.published == []
