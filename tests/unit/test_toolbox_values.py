"""Values: stored once, read by task, with what they cost; and the read tools that make them."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from quartet.contracts.base import Fields
from services.toolbox.tables import CallRow
from tests.unit.toolbox_desk import Desk, invoice, opened, settlement, task


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk
        assert desk.problems() == ()


def test_a_value_delivered_twice_is_one_value_and_one_cost(desk: Desk) -> None:
    spend: Fields = {"input_tokens": 7, "output_tokens": 3, "cost_usd": "0.000125", "model": "m"}
    sent = settlement(task(1), invoice()) | {"tool": "chat", "spend": spend}
    desk.open_budget(task(1))
    sent["reservation"] = desk.reserve(sent, by="models", cost_usd="0.0002", tokens=10)

    first = desk.post("/callers/models/settle", sent)
    second = desk.post("/callers/models/settle", sent)

    assert first == second
    with desk.ledger.read() as entry:
        rows = entry.session.scalars(select(CallRow)).all()
        assert [(r.input_tokens, r.cost_usd, r.model) for r in rows] == [
            (7, Decimal("0.000125"), "m")
        ]


def test_a_value_says_which_tool_gave_it_to_whom(desk: Desk) -> None:
    value = desk.settle(task(1), invoice())

    stored = desk.value(task(1), value)

    assert (stored.producer, stored.caller) == ("reader", "specialist-documents")
    assert (stored.tool, stored.subtask) == ("read_einvoice", "read")
    assert stored.content == invoice().model_dump(mode="json")


def test_the_same_content_of_another_task_is_another_value(desk: Desk) -> None:
    assert desk.settle(task(1), invoice()) != desk.settle(task(2), invoice())


def test_a_value_of_another_task_is_not_there(desk: Desk) -> None:
    value = desk.settle(task(1), invoice())

    answer = desk.http.get(f"/callers/critic/values/{task(2)}/{value}")

    assert (answer.status_code, answer.json()["title"]) == (404, "NoSuchValue")


def test_a_read_tool_takes_references_and_keeps_its_result(desk: Desk) -> None:
    read = desk.settle(task(1), invoice())

    answer = desk.call(task(1), "check_invoice", invoice=f"${read}")
    again = desk.call(task(1), "check_invoice", invoice=f"${read}")

    assert answer == again
    assert answer["result"] == {"arithmetic_holds": True, "iban_valid": True, "findings": []}
    stored = desk.value(task(1), str(answer["value"]))
    assert (stored.producer, stored.content) == ("toolbox", answer["result"])


@pytest.mark.parametrize("reference", ["$val-0000000000000000", "an invoice"])
def test_a_read_tool_refuses_what_refers_to_nothing(desk: Desk, reference: str) -> None:
    problem = desk.call(task(1), "check_invoice", 422, invoice=reference)

    assert problem["advice"] == "retry-changed"


@pytest.mark.parametrize("tool", ["schedule_payment", "read_einvoice", "load_books", "burn"])
def test_only_trusted_read_tools_are_called_so(desk: Desk, tool: str) -> None:
    assert desk.call(task(1), tool, 404)["title"] == "NoTool"


@pytest.mark.parametrize(
    "path",
    [
        "/callers/critic/commit",
        "/callers/planner/tools/check_invoice",
        "/callers/specialist-finance/plans",
        "/callers/specialist-finance/operations/load_books",
        "/callers/coordinator/operations/close_payment_run",
        "/callers/coordinator/settle",
    ],
)
def test_a_verb_is_only_for_the_callers_of_the_matrix(desk: Desk, path: str) -> None:
    assert desk.post(path, {}, 403)["title"] == "AccessDenied"


@pytest.mark.parametrize("path", ["/job/payment-run-cut-off", "/callers/coordinator/plans"])
def test_without_the_app_token_nothing_is_done(desk: Desk, path: str) -> None:
    answer = desk.http.post(path, json={}, headers={"dapr-api-token": "another"})

    assert answer.status_code == 401
