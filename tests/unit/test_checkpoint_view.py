"""The checkpoint of a task: what the ledger and the task store tell, and how people see it."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from quartet.cli.checkpoint import checkpoint
from quartet.contracts.base import Fields
from quartet.contracts.story import CheckpointView, TaskStory
from quartet.trust.digest import digest
from services.coordinator.intent import intent
from services.coordinator.tables import TaskRow
from tests.unit.coordinator_desk import (
    READ,
    READ_RESULT,
    SETTLE,
    SETTLE_RESULT,
    TASK_ID,
)
from tests.unit.coordinator_desk import Desk as Coordinator
from tests.unit.coordinator_desk import desk as coordinator
from tests.unit.toolbox_desk import OLGA, Desk, invoice, opened, settlement, task


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with opened(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as desk:
        yield desk


@pytest.fixture
def at(tmp_path: Path) -> Coordinator:
    (tmp_path / "store").mkdir()
    return coordinator(tmp_path / "store")


def story(desk: Desk, of: str) -> TaskStory:
    answer = desk.http.get(f"/callers/console/tasks/{of}/story", headers=OLGA)
    assert answer.status_code == 200, answer.text
    return TaskStory.model_validate(answer.json())


def said(*contents: str) -> list[Fields]:
    return [{"role": "user", "content": content} for content in contents]


def turn(desk: Desk, of: str, number: int, messages: list[Fields], answer: str) -> None:
    asked: Fields = {
        "messages": [*messages],
        "tools": [],
        "response_schema": None,
        "turn": number,
    }
    sent = settlement(of, invoice(), "specialist.read-invoice") | {
        "asked": asked,
        "arguments_digest": digest(asked),
        "value": {"message": {"role": "assistant", "content": answer}, "id": str(number)},
    }
    desk.answer(sent)


def test_a_conversation_is_told_once_up_to_its_newest_answer(desk: Desk) -> None:
    desk.register(task(1))
    turn(desk, task(1), 0, said("Read it."), "Reading.")
    turn(desk, task(1), 1, said("Read it.", "Reading.", "Here."), "It is an invoice.")

    (conversation,) = story(desk, task(1)).messages

    assert conversation.turns == 2
    told = [m["content"] for m in conversation.messages]
    assert told == ["Read it.", "Reading.", "Here.", "It is an invoice."]


def test_results_have_their_arguments_and_effects_their_undoing(desk: Desk) -> None:
    desk.pay(task(1), invoice())
    desk.pay(task(2), invoice("R-2", "900"))

    paid, held = story(desk, task(1)), story(desk, task(2))

    assert [r.tool for r in paid.results] == ["read_einvoice", "match_invoice"]
    assert isinstance(paid.results[1].arguments, dict)
    assert [(r.status, r.undo) for r in paid.resources] == [("applied", "by-compensation")]
    assert [(r.status, r.undo) for r in held.resources] == [("held", "by-compensation")]


def test_what_was_undone_or_can_not_be_is_told(desk: Desk) -> None:
    desk.pay(task(1), invoice())
    desk.pay(task(2), invoice("R-2"))
    desk.undo(task(1))
    desk.operate("close_payment_run")
    desk.undo(task(2))

    assert [r.undo for r in story(desk, task(1)).resources] == ["nothing"]
    assert [r.undo for r in story(desk, task(2)).resources] == ["by-hand"]


def test_a_task_that_nobody_knows_has_no_story(desk: Desk) -> None:
    answer = desk.http.get(f"/callers/console/tasks/{task(9)}/story", headers=OLGA)

    assert (answer.status_code, answer.json()["title"]) == (404, "UnknownTask")


def test_the_intent_has_goal_limits_plan_and_where_each_step_is(at: Coordinator) -> None:
    at.running().judged(READ, READ_RESULT)
    at.record(SETTLE, SETTLE_RESULT)

    with at.store.reading() as session:
        found = intent(session, session.get_one(TaskRow, TASK_ID))

    assert found.task.goal == "Pay what is due."
    assert found.plan is not None
    read, settle = found.steps
    assert (read.goal, read.state, read.review) == ("Read it.", "done", "accept: It says accept.")
    assert (settle.state, settle.reasoning) == ("reviewing", "hold: ")


def test_a_task_without_a_plan_has_an_intent_too(at: Coordinator) -> None:
    at.accepted()

    with at.store.reading() as session:
        found = intent(session, session.get_one(TaskRow, TASK_ID))

    assert (found.plan, found.steps) == (None, ())


def test_a_task_is_told_to_those_who_may_see_it_and_to_nobody_else(desk: Desk) -> None:
    desk.pay(task(1), invoice())
    sent: Fields = {
        "id": "a",
        "kind": "task-accepted",
        "task": task(2),
        "body": {"requester": "carol"},
    }
    desk.post("/callers/coordinator/record", sent)

    for of in (task(1), task(2)):
        path = f"/callers/console/tasks/{of}/story"
        told = [
            desk.http.get(path, headers={"person-token": name}).status_code
            for name in ("olga", "eve", "dora", "carol", "nobody")
        ]
        assert told == [200, 404, 404, 200, 401]


def test_people_see_all_five_parts(desk: Desk, at: Coordinator) -> None:
    turn(desk, task(1), 0, said("Read it.\x1b[2J"), "x" * 5000)
    desk.pay(task(1), invoice())
    at.running().judged(READ, READ_RESULT)
    with at.store.reading() as session:
        found = intent(session, session.get_one(TaskRow, TASK_ID))
    told = story(desk, task(1))
    view = CheckpointView(
        id=TASK_ID,
        messages=told.messages,
        results=told.results,
        current=found.steps,
        resources=told.resources,
        intent=found,
    )
    screen = Console(file=StringIO(), width=100)

    screen.print(checkpoint(view))

    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    for part in (
        "intent and constraints",
        "current sub-goals and reasoning",
        "messages",
        "tool results",
        "external resources",
    ):
        assert part in shown
    assert "Pay what is due." in shown
    assert "match_invoice" in shown
    assert "undone when the task is cancelled" in shown
    assert "(5000 characters)" in " ".join(shown.split())
    assert "\x1b[2J" not in shown
