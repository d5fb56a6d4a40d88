"""Time stands still for a task that waits for a person, and for no other."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from quartet.contracts.budget import Waits
from quartet.resilience.failures import RetryLater
from services.coordinator.pausing import LEAST, SOON, Pauses
from services.coordinator.tables import TaskRow
from tests.unit.coordinator_desk import TASK_ID, Desk, desk

SECOND = timedelta(seconds=1)


@pytest.fixture
def at(tmp_path: Path) -> Desk:
    return desk(tmp_path).accepted()


def deadline(at: Desk) -> datetime:
    with at.store.reading() as session:
        found = session.scalars(select(TaskRow)).one().deadline
    assert found is not None
    return found


def waiting(at: Desk, since: datetime | None) -> Pauses:
    at.peers.answers["toolbox", f"waits/{TASK_ID}"] = lambda _: Waits(since=since)
    return Pauses(at.store, at.peers)


def test_a_task_that_waits_gets_the_time_that_it_had_left(at: Desk) -> None:
    before = deadline(at)
    now, left = before - SECOND, timedelta(minutes=20)

    waiting(at, before - left).give_time(now)

    assert deadline(at) == now + left


def test_a_task_that_began_to_wait_late_gets_a_minute(at: Desk) -> None:
    before = deadline(at)

    waiting(at, before - SECOND).give_time(before)

    assert deadline(at) == before + LEAST


def test_a_task_that_waits_for_nobody_keeps_its_deadline(at: Desk) -> None:
    before = deadline(at)

    waiting(at, None).give_time(before)

    assert deadline(at) == before


def test_nobody_is_asked_long_before_the_deadline(at: Desk) -> None:
    before = deadline(at)

    waiting(at, before).give_time(before - SOON - SECOND)

    assert at.peers.calls == []


def test_a_toolbox_that_is_away_moves_no_deadline(at: Desk) -> None:
    before = deadline(at)
    pauses = waiting(at, before - timedelta(minutes=20))
    at.peers.failures.append(RetryLater("It is restarting.", cause="network"))

    pauses.give_time(before)

    assert deadline(at) == before
