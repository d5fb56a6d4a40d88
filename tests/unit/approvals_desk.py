"""Payments that wait for people, on the desk of the toolbox. No test is here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from quartet.contracts.approval import ApprovalView
from quartet.contracts.effect import Commit
from services.toolbox.tables import AuditRow
from tests.unit.toolbox_desk import (
    Desk,
    invoice,
    opened,
    order,
    propose,
    result,
    task,
)


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk
        assert desk.problems() == ()


def large(desk: Desk, number: int = 1, requester: str = "dora") -> Commit:
    """A payment of 20,000 EUR, ready to be committed."""
    match = desk.matched(task(number), invoice(f"R-{number}", units="200"), requester)
    return order(task(number), result(propose("schedule_payment", match=match), summary="Fits."))


def held(desk: Desk, number: int = 1, requester: str = "dora") -> tuple[Commit, ApprovalView]:
    """A payment that waits for people, and what they are asked."""
    sent = large(desk, number, requester)
    assert desk.commit(sent).status == "held"
    (asked,) = desk.approvals(task=sent.task)
    return sent, asked


def kinds(desk: Desk) -> list[str]:
    with desk.ledger.read() as entry:
        return list(entry.session.scalars(select(AuditRow.kind).order_by(AuditRow.sequence)))


def payments(desk: Desk) -> list[object]:
    found = desk.operate("list_payments")["payments"]
    assert isinstance(found, list)
    return list(found)
