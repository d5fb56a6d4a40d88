"""Budgets over HTTP, on both databases: reserve, settle, release, limits, unknown ends."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from quartet.contracts.base import Fields
from quartet.trust.digest import digest
from services.toolbox.budgets.accounts import Account, find, standing_of
from services.toolbox.budgets.ending import close_overdue
from services.toolbox.budgets.opening import answer
from services.toolbox.budgets.standing import Standing, usd
from services.toolbox.budgets.tables import AccountRow, ReservationRow
from services.toolbox.tables import AuditRow
from tests.unit.toolbox_desk import Desk, invoice, opened, order, propose, result, settlement, task

SPEND: Fields = {"input_tokens": 100, "output_tokens": 20, "cost_usd": "0.25", "model": "m"}


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk
        assert desk.problems() == ()


def completion(turn: int = 0, of: int = 1) -> Fields:
    """A completion's settlement, not reserved yet."""
    named = digest({"turn": turn})
    return settlement(task(of), invoice()) | {
        "tool": "specialist.read-invoice",
        "arguments_digest": named,
        "asked": None,
        "spend": {**SPEND},
        "value": f"answer {turn}",
    }


def reserve(desk: Desk, call: Fields, cost_usd: str = "1.00", status: int = 200) -> str:
    return desk.reserve(call, status, by="models", cost_usd=cost_usd, tokens=1000)


def settle(desk: Desk, call: Fields, reservation: str, status: int = 200) -> Fields:
    sent = call | {"reservation": reservation}
    return desk.post("/callers/models/settle", sent, status)


def of_task(desk: Desk, number: int = 1) -> Standing:
    with desk.ledger.read() as entry:
        return standing_of(entry, Account("task", task(number)))


def spent(desk: Desk) -> str:
    return usd(of_task(desk).spent.usd_nano)


def reserved(desk: Desk) -> str:
    return usd(of_task(desk).reserved.usd_nano)


def kinds(desk: Desk) -> list[str]:
    with desk.ledger.read() as entry:
        rows = entry.session.scalars(select(AuditRow).order_by(AuditRow.sequence))
        return [row.kind for row in rows]


def test_a_reserved_call_is_settled_at_what_it_cost_on_four_accounts(desk: Desk) -> None:
    desk.open_budget(task(1))
    reservation = reserve(desk, completion())
    assert (spent(desk), reserved(desk)) == ("0", "1")

    settle(desk, completion(), reservation)

    with desk.ledger.read() as entry:
        rows = entry.session.scalars(select(AccountRow).order_by(AccountRow.scope)).all()
        assert [(r.scope, r.name) for r in rows] == [
            ("agent", "specialist-documents"),
            ("day", "default"),
            ("task", task(1)),
            ("user", "default/carol"),
        ]
        for row in rows:
            assert (usd(row.spent_usd_nano), row.spent_tokens, row.spent_model_calls) == (
                "0.25",
                120,
                1,
            )
            assert (row.reserved_usd_nano, row.reserved_tokens, row.reserved_model_calls) == (
                0,
                0,
                0,
            )


def test_a_settlement_that_comes_twice_is_paid_once(desk: Desk) -> None:
    desk.open_budget(task(1))
    reservation = reserve(desk, completion())

    first = settle(desk, completion(), reservation)
    second = settle(desk, completion(), reservation)

    assert first == second
    assert spent(desk) == "0.25"


def test_a_call_asked_for_again_pays_the_worst_case_of_the_first(desk: Desk) -> None:
    desk.open_budget(task(1))
    lost = reserve(desk, completion())

    again = reserve(desk, completion())

    assert again != lost
    assert (spent(desk), reserved(desk)) == ("1", "1")
    assert "call-end-unknown" in kinds(desk)


def test_a_late_settlement_is_recorded_and_changes_no_account(desk: Desk) -> None:
    desk.open_budget(task(1))
    lost = reserve(desk, completion())
    again = reserve(desk, completion())
    settle(desk, completion(), again)

    settle(desk, completion() | {"value": "late"}, lost)
    settle(desk, completion() | {"value": "late"}, lost)

    assert (spent(desk), reserved(desk)) == ("1.25", "0")
    assert kinds(desk).count("settled-late") == 1


def test_a_call_without_an_end_is_settled_at_its_worst_case_in_time(desk: Desk) -> None:
    desk.open_budget(task(1))
    reserve(desk, completion())
    now = desk.ledger.now()

    early = close_overdue(desk.ledger, now + timedelta(seconds=30))
    late = close_overdue(desk.ledger, now + timedelta(seconds=90))
    again = close_overdue(desk.ledger, now + timedelta(seconds=90))

    assert (early, late, again) == (0, 1, 0)
    assert (spent(desk), reserved(desk)) == ("1", "0")


def test_a_call_that_was_not_made_costs_nothing(desk: Desk) -> None:
    desk.open_budget(task(1))
    reservation = reserve(desk, completion())
    sent: Fields = {"task": task(1), "reservation": reservation, "why": "ModelRateLimited"}

    first = desk.post("/callers/models/release", sent)
    second = desk.post("/callers/models/release", sent)

    assert (first, second) == ({"released": True}, {"released": False})
    assert (spent(desk), reserved(desk), of_task(desk).spent.model_calls) == ("0", "0", 0)


def test_the_hard_limit_refuses_a_worst_case_that_does_not_fit(desk: Desk) -> None:
    desk.open_budget(task(1), caps={"cost_usd": "0.50"})

    title = reserve(desk, completion(), "0.51", status=403)

    assert title == "BudgetExceeded"
    assert (spent(desk), reserved(desk)) == ("0", "0")
    assert kinds(desk)[-1] == "budget-refused"


def test_calls_in_flight_make_another_wait_and_end_no_task(desk: Desk) -> None:
    desk.open_budget(task(1), caps={"cost_usd": "2.00"})
    first = reserve(desk, completion(1), "1.50")

    assert reserve(desk, completion(2), "1.50", status=503) == "BudgetBusy"

    settle(desk, completion(1), first)
    reserve(desk, completion(2), "1.25")


def test_the_soft_limit_asks_a_person_once_and_waits(desk: Desk) -> None:
    desk.open_budget(task(1), caps={"cost_usd": "1.00"})

    titles = {reserve(desk, completion(), "0.90", status=503) for _ in range(3)}

    assert titles == {"BudgetAsked"}
    assert kinds(desk).count("budget-asked") == 1
    assert reserved(desk) == "0"


def test_a_person_who_allows_more_lets_the_task_spend_up_to_the_hard_limit(desk: Desk) -> None:
    desk.open_budget(task(1), caps={"cost_usd": "1.00"})
    reserve(desk, completion(), "0.90", status=503)

    desk.ledger.settled(lambda entry: answer(entry, task(1), "allowed", "it is worth it"))

    settle(desk, completion(), reserve(desk, completion(), "0.90"))
    assert reserve(desk, completion(1), "0.90", status=403) == "BudgetExceeded"


def test_a_person_who_refuses_more_ends_the_task(desk: Desk) -> None:
    desk.open_budget(task(1), caps={"cost_usd": "1.00"})
    reserve(desk, completion(), "0.90", status=503)

    desk.ledger.settled(lambda entry: answer(entry, task(1), "refused", "too dear"))

    assert reserve(desk, completion(), "0.90", status=403) == "BudgetExceeded"


def test_the_suite_caps_what_a_task_asks_for(desk: Desk) -> None:
    asked_too_much = desk.open_budget(task(1), caps={"cost_usd": "999.00", "tokens": 7})
    asked_again = desk.open_budget(task(1), caps={"cost_usd": "1.00"})

    assert asked_too_much["caps"] == {
        "cost_usd": "5.00",
        "tokens": 7,
        "model_calls": 2000,
        "tool_calls": 4000,
    }
    assert asked_again["caps"] != asked_too_much["caps"]
    assert of_task(desk).limits["usd_nano"] == 5 * 10**9


@pytest.mark.parametrize(
    ("caps", "measure"),
    [({"tokens": 999}, "999 tokens"), ({"model_calls": 0}, "0 model calls")],
)
def test_tokens_and_calls_are_limited_too(desk: Desk, caps: Fields, measure: str) -> None:
    desk.open_budget(task(1), caps=caps)
    call = completion()
    names = ("task", "subtask", "attempt", "caller", "arguments_digest")
    sent = {n: call[n] for n in names} | {"kind": "model", "name": "m", "timeout_s": 9.0}

    problem = desk.post("/callers/models/reserve", sent | {"tokens": 1000}, 403)

    assert problem["title"] == "BudgetExceeded"
    assert measure in str(problem["detail"])


def test_nothing_is_called_for_a_task_without_a_budget(desk: Desk) -> None:
    assert reserve(desk, completion(), status=403) == "NoBudget"


@pytest.mark.parametrize(
    "other",
    [
        {"task": task(2)},
        {"subtask": "settle"},
        {"attempt": 2},
        {"caller": "critic"},
        {"tool": "critic.read-invoice"},
        {"arguments_digest": digest(b"other")},
    ],
)
def test_a_reservation_settles_no_other_call(desk: Desk, other: Fields) -> None:
    desk.open_budget(task(1))
    desk.open_budget(task(2))
    reservation = reserve(desk, completion())

    problem = settle(desk, completion() | other, reservation, 403)

    assert problem["title"] == "NotReserved"
    assert reserved(desk) == "1"


def test_a_value_without_a_reservation_is_refused(desk: Desk) -> None:
    desk.open_budget(task(1))

    problem = desk.post("/callers/models/settle", completion(), 403)

    assert problem["title"] == "NotReserved"


def test_a_trusted_read_tool_is_charged_as_it_runs(desk: Desk) -> None:
    desk.matched(task(1), invoice())

    assert of_task(desk).spent.tool_calls == 2
    assert of_task(desk).reserved.tool_calls == 0


def test_an_effect_is_charged_once_however_often_it_is_committed(desk: Desk) -> None:
    match = desk.matched(task(1), invoice())
    sent = order(task(1), result(propose("schedule_payment", match=match)))

    desk.commit(sent)
    desk.commit(sent)

    assert of_task(desk).spent.tool_calls == 3


def test_an_effect_without_budget_is_not_applied(desk: Desk) -> None:
    desk.open_budget(task(1), caps={"tool_calls": 2})
    match = desk.matched(task(1), invoice())
    sent = order(task(1), result(propose("schedule_payment", match=match)))

    problem = desk.refused(sent, 403)

    assert problem["title"] == "BudgetExceeded"
    assert kinds(desk)[-1] == "commit-refused"


def test_more_than_the_worst_case_is_charged_and_recorded(desk: Desk) -> None:
    desk.open_budget(task(1))

    settle(desk, completion(), reserve(desk, completion(), "0.10"))

    assert spent(desk) == "0.25"
    assert kinds(desk)[-1] == "budget-overrun"


def test_a_user_s_day_is_limited_across_tasks(desk: Desk) -> None:
    for number in range(1, 21):
        desk.open_budget(task(number))
        reserve(desk, completion(0, number), "4.00")
    desk.open_budget(task(21))

    for number in range(21, 26):
        desk.open_budget(task(number))
        reserve(desk, completion(0, number), "4.00")
    desk.open_budget(task(26))

    assert reserve(desk, completion(0, 26), "4.00", status=503) == "BudgetBusy"
    with desk.ledger.read() as entry:
        day = f"{entry.now:%Y-%m-%d}"
        user = find(entry, Account("user", "default/carol", day))
        assert user is not None
        assert usd(user.reserved_usd_nano) == "100"
        rows = entry.session.scalars(select(ReservationRow)).all()
        assert {r.state for r in rows} == {"open"}


def test_costs_are_shown_by_task_and_agent(desk: Desk) -> None:
    for number in (1, 2):
        desk.open_budget(task(number))
        call = completion(0, number)
        settle(desk, call, reserve(desk, call))

    costs = desk.operate("list_costs")

    assert costs["total"] == {
        "cost_usd": "0.5",
        "tokens": 240,
        "model_calls": 2,
        "tool_calls": 0,
    }
    first = desk.operate("list_costs", {"tasks": [task(1)]})["tasks"]
    assert isinstance(first, list)
    assert isinstance(first[0], dict)
    assert first[0]["by_agent_usd"] == {"specialist-documents": "0.25"}


def test_budgets_are_shown_by_scope_and_name(desk: Desk) -> None:
    desk.open_budget(task(1))
    reserve(desk, completion())

    shown = desk.operate("show_budgets", {"scope": "task", "name": task(1)})["accounts"]

    assert isinstance(shown, list)
    (account,) = shown
    assert isinstance(account, dict)
    assert account["reserved"] == {
        "cost_usd": "1",
        "tokens": 1000,
        "model_calls": 1,
        "tool_calls": 0,
    }
    assert account["asks_a_person_from_usd"] == "4"


def test_a_person_answers_a_task_that_asks(desk: Desk) -> None:
    desk.open_budget(task(1), caps={"cost_usd": "1.00"})
    reserve(desk, completion(), "0.90", status=503)
    shown = desk.operate("show_budgets", {"scope": "task"})["accounts"]
    assert "a person" in str(shown)

    desk.operate("allow_budget", {"task": task(1), "why": "worth it"})

    assert reserve(desk, completion(), "0.90").startswith("res-")
    desk.post("/callers/console/operations/allow_budget", {"task": task(2)}, 404)
