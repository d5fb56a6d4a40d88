"""Which review an event starts: one that lives is left alone, one that lost a step is not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quartet.durable.client import STUCK, Status
from quartet.service.events import SUCCESS, Hearing
from quartet.testing.ports import EngineDouble, Outbox, Peers
from quartet.testing.signing import keyring
from services.critic.activities import key_of
from services.critic.app import Reviews
from services.critic.messages import REVIEW_SUBTASK
from tests.unit.coordinator_desk import PACK, READ, READ_RESULT, review_order

ORDER = review_order(READ, READ_RESULT)
EVENT = {"data": ORDER.model_dump(mode="json")}
INSTANCE = f"review.{key_of(ORDER)}"


def heard(engine: EngineDouble, folder: Path) -> list[str]:
    """Hear the event once; return the ids of the reviews that it started."""
    hearing = Hearing(keyring(folder), Peers(), Outbox())
    assert Reviews(engine, hearing, PACK).completed(EVENT) == SUCCESS
    assert all((n, sent) == (REVIEW_SUBTASK.name, ORDER) for n, _, sent in engine.scheduled)
    return [instance for _, instance, _ in engine.scheduled]


def lives(since: timedelta) -> EngineDouble:
    moved = datetime.now(UTC) - since
    return EngineDouble(statuses={INSTANCE: "live"}, moved={INSTANCE: moved})


@pytest.mark.parametrize("status", ["absent", "ended"])
def test_a_result_without_a_live_review_is_reviewed(status: Status, tmp_path: Path) -> None:
    assert heard(EngineDouble(statuses={INSTANCE: status}), tmp_path) == [INSTANCE]


def test_a_review_under_way_is_not_started_again(tmp_path: Path) -> None:
    engine = lives(STUCK - timedelta(seconds=30))

    assert heard(engine, tmp_path) == []
    assert engine.terminated == []


def test_a_review_that_is_scheduled_and_has_not_begun_is_waited_for(tmp_path: Path) -> None:
    engine = EngineDouble(statuses={INSTANCE: "live"})

    assert heard(engine, tmp_path) == []


def test_a_review_that_lost_a_step_is_ended_and_begun_under_another_id(tmp_path: Path) -> None:
    engine = lives(STUCK + timedelta(seconds=30))

    [instance] = heard(engine, tmp_path)

    assert instance.startswith(f"{INSTANCE}.")
    assert engine.terminated == [INSTANCE]


def test_a_review_whose_history_is_lost_is_begun_under_another_id(tmp_path: Path) -> None:
    engine = EngineDouble(statuses={INSTANCE: "broken"})

    [instance] = heard(engine, tmp_path)

    assert instance.startswith(f"{INSTANCE}.")
    assert engine.terminated == []
