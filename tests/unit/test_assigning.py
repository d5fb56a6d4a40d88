"""Giving an approval to another group: who may, who is asked then, and what is on record."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from quartet.contracts.approval import ApprovalView
from services.toolbox.approvals.tables import OutboxRow
from tests.unit.approvals_desk import held, kinds
from tests.unit.toolbox_desk import Desk, opened


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with opened(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as made:
        yield made


def assign(desk: Desk, asked: ApprovalView, group: str, by: str = "ann") -> int:
    path = f"/callers/console/approvals/{asked.id}/assign"
    answer = desk.http.post(path, json={"group": group}, headers={"person-token": by})
    return answer.status_code


def test_another_group_is_asked_and_told_once_and_it_is_on_record(desk: Desk) -> None:
    _, asked = held(desk)

    assert [assign(desk, asked, "treasury") for _ in range(2)] == [200, 200]

    (now,) = desk.approvals()
    assert (now.group, now.state, now.call_digest) == ("treasury", "waiting", asked.call_digest)
    assert kinds(desk).count("approval-assigned") == 1
    with desk.ledger.read() as entry:
        owed = [row.data["group"] for row in entry.session.scalars(select(OutboxRow))]
    assert owed == ["approvers", "treasury"]


def test_who_was_only_in_the_group_that_was_asked_decides_no_more(desk: Desk) -> None:
    _, asked = held(desk)
    assert assign(desk, asked, "treasury") == 200

    assert desk.deciding(asked, "approve", "fred", 404)["title"]


@pytest.mark.parametrize(
    ("by", "status"), [("carol", 403), ("fred", 403), ("eve", 404), ("nobody", 401)]
)
def test_only_an_approver_gives_it_on_and_not_for_the_own_task(
    desk: Desk, by: str, status: int
) -> None:
    _, asked = held(desk, requester="carol")

    assert assign(desk, asked, "treasury", by) == status
    (now,) = desk.approvals()
    assert now.group == "approvers"


def test_what_is_decided_is_given_to_nobody(desk: Desk) -> None:
    _, asked = held(desk)
    desk.decide(asked, "approve")

    assert assign(desk, asked, "treasury") == 409
