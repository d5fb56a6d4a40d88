"""Which documents may be read for a task: asked when a reading is reserved, and when it settles."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from quartet.contracts.base import Fields
from quartet.contracts.plan import Plan
from quartet.trust.digest import digest
from services.toolbox.budgets.tables import ReservationRow
from services.toolbox.tables import AuditRow, ValueRow
from tests.unit.toolbox_desk import DOCUMENT, Desk, asking, invoice, opened, plan, settlement, task

THEIRS = digest(b"a document that somebody else has uploaded")
SECOND = digest(b"the second document of the same task")


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk
        assert desk.problems() == ()


def reading(document: str = DOCUMENT, **other: Any) -> Fields:
    return settlement(task(1), invoice()) | asking(document) | other


def for_one_of_two() -> Plan:
    """A plan of a task with two documents, whose subtasks each get one of them."""
    whole = plan()
    read, settle = whole.subtasks
    first = read.model_copy(update={"documents": (DOCUMENT,)})
    second = read.model_copy(update={"id": "read-other", "documents": (SECOND,)})
    return Plan(subtasks=(first, second, settle))


def refusals(desk: Desk) -> list[tuple[str, str, str]]:
    """Subtask, document and title of what is on record as refused."""
    query = select(AuditRow.record).where(AuditRow.kind == "document-refused")
    with desk.ledger.read() as entry:
        told = [json.loads(record)["body"] for record in entry.session.scalars(query)]
    return [(body["subtask"], body["document"], body["title"]) for body in told]


def kept(desk: Desk) -> int:
    with desk.ledger.read() as entry:
        return len(entry.session.scalars(select(ValueRow)).all())


def test_a_document_of_another_task_is_refused_before_it_is_read(desk: Desk) -> None:
    desk.register(task(1))

    assert desk.reserve(reading(THEIRS), 422) == "NotItsDocument"

    assert refusals(desk) == [("read", THEIRS, "NotItsDocument")]
    with desk.ledger.read() as entry:
        assert entry.session.scalars(select(ReservationRow)).all() == []


def test_a_value_read_from_a_document_of_another_task_is_never_kept(desk: Desk) -> None:
    desk.register(task(1))
    reservation = desk.reserve(reading())

    sent = reading(THEIRS, reservation=reservation)
    refused = desk.post("/callers/reader/settle", sent, 422)

    assert (refused["title"], refused["advice"]) == ("NotItsDocument", "retry-changed")
    assert DOCUMENT in str(refused["detail"])
    assert refusals(desk) == [("read", THEIRS, "NotItsDocument")]
    assert kept(desk) == 0


def test_a_settlement_that_names_another_document_than_was_reserved_is_refused(desk: Desk) -> None:
    desk.register(task(1))
    reservation = desk.reserve(reading())

    sent = reading(reservation=reservation) | {"asked": {"document": DOCUMENT, "page": 2}}

    assert desk.post("/callers/reader/settle", sent, 422)["title"] == "DigestMismatch"
    assert kept(desk) == 0


def test_a_subtask_reads_only_the_documents_that_the_plan_gives_it(desk: Desk) -> None:
    desk.register(task(1), for_one_of_two())

    assert desk.reserve(reading(DOCUMENT)).startswith("res-")
    assert desk.reserve(reading(SECOND), 422) == "NotItsDocument"
    assert desk.reserve(reading(SECOND, subtask="read-other")).startswith("res-")


def test_a_subtask_that_the_plan_gives_no_document_reads_those_of_its_task(desk: Desk) -> None:
    desk.register(task(1))

    assert desk.settle(task(1), invoice()).startswith("val-")


@pytest.mark.parametrize("subtask", ["read", "another"])
def test_without_a_plan_or_for_a_subtask_that_it_lacks_nothing_is_read(
    desk: Desk, subtask: str
) -> None:
    if subtask == "another":
        desk.register(task(1))
    desk.open_budget(task(1))

    assert desk.reserve(reading(subtask=subtask), 422) == "NotItsDocument"


def test_a_reading_that_does_not_say_of_which_document_waits(desk: Desk) -> None:
    desk.register(task(1))
    bare = {name: value for name, value in reading().items() if name != "asked"}

    assert desk.reserve(bare, 503) == "DocumentNotNamed"
    assert desk.post("/callers/reader/settle", bare, 503)["title"] == "DocumentNotNamed"


@pytest.mark.parametrize("asked", [{"document": THEIRS}, {"document": DOCUMENT, "more": 1}])
def test_a_reservation_says_what_was_digested(desk: Desk, asked: Fields) -> None:
    desk.register(task(1))

    assert desk.reserve(reading() | {"asked": asked}, 422) == "DigestMismatch"


@pytest.mark.parametrize("asked", [{}, {"document": None}, {"document": [DOCUMENT]}])
def test_arguments_that_name_no_document_read_none(desk: Desk, asked: Fields) -> None:
    desk.register(task(1))
    sent = reading() | {"asked": asked, "arguments_digest": digest(asked)}

    assert desk.reserve(sent, 422) == "NotItsDocument"
