"""The gate, refusal by refusal, and what is stored; on SQLite and on Postgres."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from quartet.contracts.base import Fields
from quartet.contracts.effect import Outcome
from quartet.contracts.work import Proposal
from quartet.trust.digest import digest
from tests.unit.toolbox_desk import (
    OTHER_IBAN,
    Desk,
    credit_note,
    invoice,
    master,
    opened,
    order,
    plan,
    propose,
    result,
    settlement,
    task,
    vendor,
)


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk
        assert desk.problems() == ()


def kinds(desk: Desk) -> list[object]:
    records = desk.operate("export_audit")["records"]
    assert isinstance(records, list)
    texts = (r["record"] for r in records if isinstance(r, dict))
    return [json.loads(str(text))["kind"] for text in texts]


def payments(desk: Desk) -> list[object]:
    found = desk.operate("list_payments")["payments"]
    assert isinstance(found, list)
    return list(found)


def test_a_clean_invoice_is_paid_to_the_masters_account(desk: Desk) -> None:
    outcome = desk.pay(task(1), invoice("R-1", units="12"))

    assert (outcome.status, outcome.natural_key) == ("applied", "payment:V-1:R1")
    assert "1200.00 EUR" in outcome.says
    assert outcome.result["iban"] == "DE..2389"
    assert str(vendor()["iban"]) in str(payments(desk))
    assert len(payments(desk)) == 1
    assert kinds(desk)[-2:] == ["effect-intended", "effect-applied"]


def test_the_same_commit_again_gives_the_stored_outcome(desk: Desk) -> None:
    match = desk.matched(task(1), invoice())
    sent = order(task(1), result(propose("schedule_payment", match=match)))
    first = desk.commit(sent)

    again = [desk.commit(sent) for _ in range(3)]

    assert again == [first] * 3
    assert len(payments(desk)) == 1


def test_a_plan_registered_twice_stays_and_another_is_refused(desk: Desk) -> None:
    first = desk.register(task(1))
    other: Fields = {
        "task": task(1),
        "requester": "carol",
        "plan": plan(slots=2).model_dump(mode="json"),
    }

    assert desk.register(task(1)) == first
    problem = desk.post("/callers/coordinator/plans", other, 409)

    assert problem["title"] == "PlanDiffers"


@pytest.mark.parametrize(
    ("proposal", "title"),
    [
        (propose("pay_somebody", match="$val-0000000000000000"), "NoSuchTool"),
        (propose("match_invoice", invoice="$val-0000000000000000"), "NoSuchTool"),
        (propose("schedule_payment", match="$val-0000000000000000"), "UnknownReference"),
        (propose("schedule_payment", match="$val-short"), "UnknownReference"),
        (propose("schedule_payment", match="pay 5 EUR"), "ArgumentsRefused"),
        (propose("schedule_payment"), "ArgumentsRefused"),
        (propose("ask_about_invoice", reason="?", more="x"), "ArgumentsRefused"),
        (propose("ask_about_invoice", reason=""), "ArgumentsRefused"),
        (propose("ask_about_invoice", slot=2, reason="?"), "NoProposal"),
    ],
)
def test_arguments_outside_the_schema_ask_for_a_change(
    desk: Desk, proposal: Proposal, title: str
) -> None:
    desk.register(task(1))

    problem = desk.refused(order(task(1), result(proposal)), 422)

    assert (problem["title"], problem["advice"]) == (title, "retry-changed")
    assert kinds(desk)[-1] == "commit-refused"


def test_a_value_of_another_task_is_unknown(desk: Desk) -> None:
    theirs = desk.matched(task(1), invoice())
    desk.register(task(2))

    sent = order(task(2), result(propose("schedule_payment", match=theirs)))

    assert desk.refused(sent, 422)["title"] == "UnknownReference"


def test_a_models_own_words_are_no_match(desk: Desk) -> None:
    match = desk.matched(task(1), invoice())
    forged = desk.value(task(1), match.removeprefix("$")).content
    sent = settlement(task(1), invoice()) | {"tool": "chat", "value": forged}
    sent["reservation"] = desk.reserve(sent, by="models")
    value = desk.post("/callers/models/settle", sent)["value"]

    pay = order(task(1), result(propose("schedule_payment", match=f"${value}")))

    assert desk.refused(pay, 422)["title"] == "WrongProducer"


@pytest.mark.parametrize(
    ("caller", "tool"), [("models", "match_invoice"), ("reader", "match_invoice")]
)
def test_nobody_settles_a_value_for_a_tool_that_runs_elsewhere(
    desk: Desk, caller: str, tool: str
) -> None:
    problem = desk.post(
        f"/callers/{caller}/settle", settlement(task(1), invoice()) | {"tool": tool}, 403
    )

    assert problem["title"] == "ProducerRefused"


def test_a_match_with_open_points_cannot_be_paid(desk: Desk) -> None:
    dear = desk.matched(task(1), invoice(price="110.00"))

    problem = desk.refused(order(task(1), result(propose("schedule_payment", match=dear))), 422)

    assert "dearer than ordered" in str(problem["detail"])


def test_a_credit_note_cannot_be_paid(desk: Desk) -> None:
    match = desk.matched(task(1), credit_note())

    problem = desk.refused(order(task(1), result(propose("schedule_payment", match=match))), 422)

    assert "propose the other tool" in str(problem["detail"])


@pytest.mark.parametrize("decision", ["revise", "reject"])
def test_what_the_critic_did_not_accept_is_not_carried_out(desk: Desk, decision: str) -> None:
    match = desk.matched(task(1), invoice())
    done = result(propose("schedule_payment", match=match))

    problem = desk.refused(order(task(1), done, decision=decision), 403)

    assert (problem["title"], problem["cause"]) == ("NotAccepted", "policy")
    assert payments(desk) == []


@pytest.mark.parametrize("change", ["result", "attempt", "task", "subtask"])
def test_a_verdict_on_something_else_is_not_taken(desk: Desk, change: str) -> None:
    match = desk.matched(task(1), invoice())
    done = result(propose("schedule_payment", match=match))
    sent = order(task(1), done)
    other = {
        "result": sent.model_copy(update={"result": result(*done.proposals, summary="another")}),
        "attempt": sent.model_copy(update={"attempt": 2}),
        "task": sent.model_copy(
            update={"verdict": sent.verdict.model_copy(update={"task": task(2)})}
        ),
        "subtask": sent.model_copy(
            update={"verdict": sent.verdict.model_copy(update={"subtask": "read"})}
        ),
    }

    assert desk.refused(other[change], 403)["title"] == "VerdictMismatch"
    assert payments(desk) == []


def test_a_task_without_a_plan_has_no_effects(desk: Desk) -> None:
    sent = order(task(1), result(propose("ask_about_invoice", reason="May I?")))

    assert desk.refused(sent, 403)["title"] == "NoPlan"


def test_a_slot_that_is_not_in_the_plan_is_denied(desk: Desk) -> None:
    desk.register(task(1))
    asked = propose("ask_about_invoice", slot=7, reason="May I?")

    problem = desk.refused(order(task(1), result(asked), slot=7), 403)

    assert (problem["title"], problem["advice"]) == ("OutsidePlan", "abandon")


def test_a_tool_that_is_not_the_slots_is_denied(desk: Desk) -> None:
    desk.register(task(1), plan(("hold_invoice",)))

    sent = order(task(1), result(propose("ask_about_invoice", reason="May I?")))

    assert desk.refused(sent, 403)["title"] == "OutsidePlan"


def test_another_subtasks_slot_is_denied(desk: Desk) -> None:
    desk.register(task(1))
    done = result(propose("ask_about_invoice", reason="May I?"))
    sent = order(task(1), done).model_copy(update={"subtask": "read"})
    named = digest(
        {
            "plan": digest(plan()),
            "task": task(1),
            "subtask": "read",
            "attempt": 1,
            "result": done.model_dump(mode="json"),
        }
    )
    verdict = sent.verdict.model_copy(update={"subtask": "read", "proposal_digest": named})

    assert desk.refused(sent.model_copy(update={"verdict": verdict}), 403)["title"] == "OutsidePlan"


def test_an_effect_key_is_not_used_for_another_proposal(desk: Desk) -> None:
    match = desk.matched(task(1), invoice())
    pay = propose("schedule_payment", match=match)
    desk.commit(order(task(1), result(pay)))

    problem = desk.refused(order(task(1), result(pay, summary="once more"), attempt=2), 422)

    assert (problem["title"], problem["advice"]) == ("EffectKeyReused", "abandon")
    assert len(payments(desk)) == 1


@pytest.mark.parametrize(("units", "status"), [("100", "applied"), ("100.0001", "held")])
def test_the_limit_is_the_last_amount_that_acts_by_itself(
    desk: Desk, units: str, status: str
) -> None:
    outcome = desk.pay(task(1), invoice(units=units))

    assert outcome.status == status


def test_a_payment_above_the_limit_is_held_and_stays_held(desk: Desk) -> None:
    match = desk.matched(task(1), invoice(units="101"))
    sent = order(task(1), result(propose("schedule_payment", match=match)))

    first, again = desk.commit(sent), desk.commit(sent)

    assert first == again
    assert first.status == "held"
    assert first.says.startswith("held for approval: pay 10100.00 EUR to Vendor V-1")
    assert "limit of 10000.00" in first.says
    assert payments(desk) == []
    cases = desk.operate("list_cases")["cases"]
    assert isinstance(cases, list)
    assert len(cases) == 1
    desk.round()
    desk.round()
    assert [topic for topic, _, _ in desk.sidecar.events] == ["approval-requested"]


def test_nothing_acts_by_itself_for_anonymous(desk: Desk) -> None:
    outcome = desk.pay(task(1), invoice(), requester="anonymous")

    desk.register(task(2), requester="anonymous")
    asked = desk.commit(order(task(2), result(propose("ask_about_invoice", reason="May I?"))))

    assert (outcome.status, asked.status) == ("held", "held")
    assert payments(desk) == []


def test_a_held_payment_keeps_its_number_for_itself(desk: Desk) -> None:
    desk.pay(task(1), invoice("R-1", units="101"))

    second = desk.pay(task(2), invoice("r 0001", units="1"))

    assert (second.status, second.duplicate_of) == ("duplicate", task(1))


def test_a_second_invoice_with_the_same_number_is_a_duplicate(desk: Desk) -> None:
    desk.pay(task(1), invoice("R-0042/1"))

    second = desk.pay(task(2), invoice("r 42 1"))
    again = desk.pay(task(2), invoice("r 42 1"))

    assert (second.status, second.duplicate_of) == ("duplicate", task(1))
    assert second.says.startswith(f"duplicate of {task(1)}: pay 100.00 EUR")
    assert again == second
    assert len(payments(desk)) == 1


def test_a_tool_that_refuses_leaves_nothing_but_the_refusal(desk: Desk) -> None:
    match = desk.matched(task(1), invoice())
    moved = vendor(iban=OTHER_IBAN)
    desk.operate("load_books", master(moved))
    sent = order(task(1), result(propose("schedule_payment", match=match)))

    problem = desk.refused(sent, 422)

    assert problem["title"] == "MatchOutOfDate"
    assert "account has changed" in str(problem["detail"])
    assert payments(desk) == []
    assert kinds(desk)[-1] == "commit-refused"
    assert "effect-intended" not in kinds(desk)


def test_a_refused_key_is_free_for_the_next_attempt(desk: Desk) -> None:
    desk.register(task(1))
    desk.refused(order(task(1), result(propose("schedule_payment", match="$val-x"))), 422)

    asked = result(propose("ask_about_invoice", reason="May I?"))
    outcome = desk.commit(order(task(1), asked, attempt=2))

    assert outcome.status == "applied"


def test_a_hold_and_a_question_open_cases(desk: Desk) -> None:
    desk.register(task(1), plan(slots=2))
    read = desk.settle(task(1), invoice())
    hold = propose("hold_invoice", slot=1, invoice=f"${read}", reason="The account is new.")
    ask = propose("ask_about_invoice", slot=2, invoice=None, reason="Is this ours?")
    done = result(hold, ask)

    outcomes: list[Outcome] = [
        desk.commit(order(task(1), done, slot=n, planned=plan(slots=2))) for n in (1, 2)
    ]

    assert [o.status for o in outcomes] == ["applied", "applied"]
    assert outcomes[0].says == "hold invoice R-1: The account is new."


def test_an_unknown_operation_or_job_is_named(desk: Desk) -> None:
    assert desk.post("/callers/console/operations/burn", {}, 404)["title"] == "NoSuchOperation"
    assert desk.post("/job/burn", {}, 404)["title"] == "NoSuchJob"
