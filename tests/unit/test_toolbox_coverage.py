"""Everything that is done is on record with its verdict and ruling; what is not is named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from services.toolbox.audit.coverage import uncovered
from services.toolbox.audit.tables import ContentRow
from services.toolbox.tables import AuditRow, EffectRow, PlanRow, ValueRow
from tests.unit.toolbox_desk import Desk, invoice, opened, task


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        desk.pay(task(1), invoice())
        desk.pay(task(2), invoice())
        desk.pay(task(3), invoice("R-3", "900"))
        yield desk


def named(desk: Desk) -> list[str]:
    with desk.ledger.read() as entry:
        return list(uncovered(entry.session))


def test_applied_held_and_duplicate_effects_are_all_covered(desk: Desk) -> None:
    assert named(desk) == []


def forgotten(kind: str) -> Any:
    return delete(AuditRow).where(AuditRow.kind == kind, AuditRow.task == task(1))


UNCOVERED = {
    "has no ruling of the policy on record": forgotten("policy-decided"),
    "has no accepted verdict on record": forgotten("effect-intended"),
    "which is not on record": forgotten("value-stored"),
    "the plan of": forgotten("plan-registered"),
    "is not what is on record": update(ValueRow).values(content={}).where(ValueRow.task == task(1)),
    "what was asked for": delete(ContentRow),
    "is not what was digested": update(ContentRow).values(content={"other": 1}),
    "was applied and no approval was used": (
        update(EffectRow).values(status="applied").where(EffectRow.status == "held")
    ),
    "was not asked on record": delete(AuditRow).where(AuditRow.kind == "approval-asked"),
    "the plan of t-": update(PlanRow).values(digest="sha256:" + "0" * 64),
}


@pytest.mark.parametrize("says", list(UNCOVERED))
def test_what_is_not_covered_is_named(desk: Desk, says: str) -> None:
    with desk.ledger.write() as entry:
        entry.session.execute(UNCOVERED[says])

    assert any(says in line for line in named(desk))
