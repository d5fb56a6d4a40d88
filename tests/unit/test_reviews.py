"""Which review an event starts: one that lives is left alone, one that lost a step is not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quartet.durable.client import NOT_BEGUN, STUCK, Status
from quartet.service.events import SUCCESS, Hearing
from quartet.testing.ports import EngineDouble, Outbox, Peers
from quartet.testing.signing import keyring
from services.critic.activities import key_of
from services.critic.app import MOST, Reviews
from services.critic.messages import REVIEW_SUBTASK
from tests.unit.coordinator_desk import PACK, READ, READ_RESULT, review_order

ORDER = review_order(READ, READ_RESULT)
EVENT = {"data": ORDER.model_dump(mode="json")}
SECOND = timedelta(seconds=1)
INSTANCE = f"review.{key_of(ORDER)}"


class Desk:
    """A critic that hears the same event again and again, with a clock that the test moves."""

    def __init__(self, folder: Path, engine: EngineDouble) -> None:
        self.engine, self.now = engine, datetime(2026, 11, 27, 12, tzinfo=UTC)
        hearing = Hearing(keyring(folder), Peers(), Outbox())
        self.reviews = Reviews(engine, hearing, PACK, lambda: self.now)

    def hears(self, later: timedelta = timedelta()) -> list[str]:
        """Hear the event after a while; return the ids of the reviews that it started."""
        self.now += later
        before = len(self.engine.scheduled)
        assert self.reviews.completed(EVENT) == SUCCESS
        started = self.engine.scheduled[before:]
        assert all((name, sent) == (REVIEW_SUBTASK.name, ORDER) for name, _, sent in started)
        for _, instance, _ in started:
            self.engine.moved[instance] = self.now
        return [instance for _, instance, _ in started]


@pytest.mark.parametrize("status", ["absent", "ended"])
def test_a_result_without_a_live_review_is_reviewed(status: Status, tmp_path: Path) -> None:
    assert Desk(tmp_path, EngineDouble(statuses={INSTANCE: status})).hears() == [INSTANCE]


def test_a_review_that_failed_is_begun_again_under_its_id(tmp_path: Path) -> None:
    at = Desk(tmp_path, EngineDouble())
    at.hears()
    at.engine.statuses[INSTANCE] = "ended"

    assert at.hears(SECOND) == [INSTANCE]


def test_a_review_under_way_is_not_started_again(tmp_path: Path) -> None:
    at = Desk(tmp_path, EngineDouble())
    at.hears()

    assert at.hears(STUCK - SECOND) == []
    assert at.engine.terminated == []


def test_a_review_that_lost_a_step_is_ended_and_another_begun_just_once(tmp_path: Path) -> None:
    at = Desk(tmp_path, EngineDouble())
    at.hears()

    assert at.hears(STUCK + SECOND) == [f"{INSTANCE}.2"]
    assert at.engine.terminated == [INSTANCE]
    assert at.hears(STUCK - SECOND) == []
    assert at.hears(2 * SECOND) == [f"{INSTANCE}.3"]
    assert at.engine.terminated == [INSTANCE, f"{INSTANCE}.2"]
    at.engine.statuses[f"{INSTANCE}.3"] = "ended"
    assert at.hears(SECOND) == [f"{INSTANCE}.3"]


def test_a_review_is_not_taken_for_lost_because_the_critic_was_away(tmp_path: Path) -> None:
    at = Desk(tmp_path, EngineDouble(statuses={INSTANCE: "live"}))
    at.engine.moved[INSTANCE] = at.now - timedelta(hours=8)

    assert at.hears(STUCK) == []
    assert at.hears(SECOND) == [f"{INSTANCE}.2"]


def test_a_review_that_has_not_begun_is_waited_for_longer(tmp_path: Path) -> None:
    at = Desk(tmp_path, EngineDouble(statuses={INSTANCE: "live"}))

    assert at.hears(STUCK * NOT_BEGUN) == []
    assert at.hears(SECOND) == [f"{INSTANCE}.2"]


def test_a_review_whose_history_is_lost_is_begun_under_another_id(tmp_path: Path) -> None:
    at = Desk(tmp_path, EngineDouble(statuses={INSTANCE: "broken"}))

    assert at.hears() == [f"{INSTANCE}.2"]
    assert at.hears(SECOND) == []
    assert at.engine.terminated == []


def test_after_the_last_id_the_reviews_go_on_under_it(tmp_path: Path) -> None:
    at = Desk(tmp_path, EngineDouble())

    started = [name for _ in range(2 * MOST) for name in at.hears(STUCK + SECOND)]

    assert set(started) == {INSTANCE, *(f"{INSTANCE}.{n}" for n in range(2, MOST))}
    assert started[-1] == f"{INSTANCE}.{MOST - 1}"
