"""Dead letters on each database: kept whatever is in them, and on record once, sooner or later."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import text

from quartet.contracts.audit import Act, Noted
from quartet.contracts.event import DeadLetter
from quartet.contracts.failure import Failure
from quartet.contracts.view import DeadLetterView
from quartet.resilience.failures import Abandon, RetryChanged, RetryLater
from quartet.service.database import connect, migrate
from quartet.service.events import SUCCESS, bury
from quartet.testing.ports import Outbox, Peers
from services.coordinator import views
from services.coordinator.app import MIGRATIONS, raw_of
from services.coordinator.letters import Letters
from services.coordinator.store import TaskStore

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
AWAY = RetryLater("It is restarting.", cause="network", title="Unavailable")
BAD = Failure(title="MalformedEvent", detail="It is no JSON.", cause="data", advice="abandon")


@dataclass
class Desk:
    """The letters of a coordinator, and a toolbox that records an act once for its id."""

    store: TaskStore
    peers: Peers = field(default_factory=Peers)
    recorded: list[Act] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.letters = Letters(self.store, self.peers, lambda _: None)
        self.peers.answers["toolbox", "record"] = self._note

    def _note(self, act: BaseModel | None) -> Noted:
        assert isinstance(act, Act)
        new = act.id not in [known.id for known in self.recorded]
        self.recorded += [act] * new
        return Noted(new=new)

    def hear(self, body: str = "{", reason: Failure = BAD) -> dict[str, str]:
        letter = {"topic": "task-submitted", "reason": reason.model_dump(), "body": body, "at": ""}
        return self.letters.hear("task-submitted", {"id": "1", "data": letter})

    def kept(self) -> list[DeadLetterView]:
        with self.store.reading() as session:
            return views.dead_letters(session, 10)


@pytest.fixture
def at(database_url: str) -> Iterator[Desk]:
    migrate(database_url, MIGRATIONS)
    engine = connect(database_url)
    yield Desk(TaskStore(engine))
    engine.dispose()


def test_what_no_database_can_keep_of_a_body_is_shown_by_a_sign(at: Desk) -> None:
    assert at.hear("a\0b\ud800c\n\x1b") == SUCCESS

    (letter,) = at.kept()
    assert letter.letter.body == "a\u2400b\ufffdc\n\x1b"
    assert len(at.recorded) == 1


def test_one_nul_byte_on_the_stream_becomes_a_dead_letter(at: Desk) -> None:
    outbox = Outbox()
    reason = Abandon("It is no JSON.", cause="data")

    bury(outbox, "task-submitted", reason, raw_of({"data_base64": "AA=="}))

    ((_, _, published),) = outbox.published
    event = {"id": "1", "data": published.model_dump(mode="json")}
    assert at.letters.hear("task-submitted", event) == SUCCESS
    assert [one.letter.body for one in at.kept()] == ["\u2400"]


def test_a_reason_with_such_characters_is_kept_and_shown_too(at: Desk) -> None:
    odd = BAD.model_dump() | {"detail": "a\0\ud800"}

    at.letters.hear(
        "task-submitted",
        {"data": {"topic": "x\0" * 90, "reason": odd, "body": "", "at": ""}},
    )

    (kept,) = at.kept()
    assert (kept.letter.topic, kept.letter.reason.detail) == ("task-submitted", "a\u2400\ufffd")
    assert kept.model_dump_json()


SPOILT: list[dict[str, Any]] = [{}, {"data": None}, {"data": "\0"}, {"data": {"body": "\ud800"}}]


@pytest.mark.parametrize("event", SPOILT)
def test_what_a_sidecar_gave_up_is_kept_as_it_came(at: Desk, event: dict[str, Any]) -> None:
    assert at.letters.hear("task-planned", event) == SUCCESS

    (kept,) = at.kept()
    assert kept.letter.reason.title == "NotHandled"


def test_a_letter_that_comes_again_is_one_letter_and_one_record(at: Desk) -> None:
    at.hear()
    at.hear()

    assert len(at.kept()) == len(at.recorded) == 1


def test_a_record_that_the_toolbox_missed_is_made_later_and_once(at: Desk) -> None:
    at.peers.failures.append(AWAY)
    assert at.hear() == SUCCESS
    assert (len(at.kept()), at.recorded) == (1, [])

    at.peers.failures.append(AWAY)
    with pytest.raises(RetryLater):
        at.letters.record_owed(NOW)
    assert at.recorded == []

    at.letters.record_owed(NOW)
    at.letters.record_owed(NOW)

    (act,) = at.recorded
    assert (act.kind, act.body["topic"]) == ("event-refused", "task-submitted")
    assert len(at.peers.sent_to("toolbox", "record")) == 3


def test_a_record_whose_answer_was_lost_is_not_made_twice(at: Desk) -> None:
    def lost(act: BaseModel | None) -> Noted:
        at._note(act)
        raise AWAY

    at.peers.answers["toolbox", "record"] = lost
    at.hear()
    at.peers.answers["toolbox", "record"] = at._note

    at.letters.record_owed(NOW)

    assert len(at.recorded) == 1
    assert len(at.peers.sent_to("toolbox", "record")) == 2


def test_a_record_that_is_refused_holds_up_no_other(at: Desk) -> None:
    at.peers.failures += [AWAY, AWAY]
    at.hear("first")
    at.hear("second")

    at.peers.failures.append(RetryChanged("No.", cause="data"))
    at.letters.record_owed(NOW)

    assert len(at.recorded) == 1


def test_a_letter_from_before_there_was_a_note_of_it_counts_as_recorded(at: Desk) -> None:
    with at.store.transaction() as session:
        session.execute(
            text(
                "INSERT INTO dead_letters (id, topic, reason, body, at) VALUES "
                "('old', 'task-submitted', '{}', '{', '2026-01-01 00:00:00')"
            )
        )

    at.letters.record_owed(NOW)

    assert at.peers.calls == []


@pytest.mark.parametrize("named", ["unknown", "a\0b"])
def test_a_letter_that_nobody_has_is_refused(at: Desk, named: str) -> None:
    with pytest.raises(Abandon) as refused:
        at.letters.replay(named)

    assert refused.value.failure.cause == "data"


def test_a_replayed_letter_is_taken_in_as_it_came(at: Desk) -> None:
    at.hear("whole")
    taken: list[bytes] = []

    def take(raw: bytes) -> str:
        taken.append(raw)
        return "t-1"

    done = Letters(at.store, at.peers, take).replay(at.kept()[0].id)

    assert (taken, done.says) == ([b"whole"], "task-submitted: taken in as t-1")
    assert at.kept()[0].replayed


def test_the_letter_itself_is_kept_as_published() -> None:
    letter = DeadLetter(topic="task-submitted", reason=BAD, body="\0", at="")

    assert DeadLetter.model_validate_json(letter.model_dump_json()) == letter
