from io import StringIO
from typing import Any

import pytest
from rich.console import Console as Terminal

from quartet.cli.report import manifest_of, now, report, rows
from quartet.cli.speech import Told
from quartet.cli.watching import summary
from quartet.contracts.task import Task
from quartet.contracts.view import TaskView
from tests.unit.console_stand_in import completed

COLUMNS = manifest_of("payables").report
HELD: dict[str, Any] = {
    "task": f"t-{'0' * 24}",
    "slot": 1,
    "tool": "schedule_payment",
    "status": "held",
    "says": "held for approval: pay 105149.11 EUR, which is above the autonomous limit " * 2,
    "proposal_digest": f"sha256:{'0' * 64}",
    "call_digest": f"sha256:{'0' * 64}",
}


def view(**changes: Any) -> TaskView:
    task = Task(id=f"t-{'0' * 24}", pack="payables", goal="x", requester="x", documents=())
    return TaskView.model_validate(completed(task).model_dump() | changes)


def settling(state: str, **more: Any) -> list[dict[str, Any]]:
    read = {"id": "read", "kind": "read-invoice", "app_id": "a", "state": "done", "attempt": 1}
    settle = {"id": "settle", "kind": "settle-invoice", "app_id": "a", "attempt": 2}
    return [read, settle | {"state": state} | more]


def test_a_column_without_a_value_is_empty() -> None:
    (row,) = rows(COLUMNS, [view(subtasks=settling("dropped"))])

    assert row["checked"] == row["matched"] == row["verdict"] == ""


def test_a_held_payment_waits_until_its_task_is_cancelled() -> None:
    subtasks = settling("held", outcomes=[HELD])
    states = ({"state": "running", "shown": "waiting"}, {"state": "cancelled"})

    found = rows(COLUMNS, [view(subtasks=subtasks, **s) for s in states])

    assert [row["outcome"] for row in found] == ["held-for-approval", "cancelled"]


def test_the_batch_table_fits_into_a_hundred_columns() -> None:
    subtasks = settling("held", outcomes=[HELD])
    terminal = Terminal(width=100, file=StringIO(), markup=False)

    with terminal.capture() as captured:
        terminal.print(report(COLUMNS, [view(subtasks=subtasks, state="running", shown="waiting")]))

    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= 100
    assert " ".join(HELD["says"].split()) in " ".join(" ".join(lines).split())


def test_a_task_tells_the_subtask_it_is_at() -> None:
    running = {"state": "running", "shown": "running"}

    assert now(view(subtasks=settling("working"), **running)) == (
        "settle working, attempt 2 (1 of 2 done)"
    )
    assert now(view(subtasks=settling("done"), **running)) == "every subtask is done"
    assert now(view(state="submitted", shown="submitted", subtasks=())) == ""


def test_the_summary_counts_those_not_yet_taken_in() -> None:
    tasks = [view(), view(state="running", shown="waiting")]

    assert summary(tasks, 4) == "1 of 4 ended: 2 submitted, 1 waiting, 1 completed"


def test_an_unknown_pack_is_told() -> None:
    with pytest.raises(Told, match="There is no pack 'nope'"):
        manifest_of("nope")
