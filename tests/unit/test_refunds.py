"""The pack refunds: what words ask for, what its rules propose, and what becomes of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from packs.refunds.request import Request
from quartet.contracts.base import Fields, Json
from quartet.contracts.effect import Commit, Outcome, Registration, Undo
from quartet.contracts.person import Role
from quartet.contracts.plan import Plan
from quartet.contracts.work import Proposal, Verdict, WorkOrder, WorkResult
from quartet.packs.load import load
from quartet.testing.signing import judged, worked
from quartet.trust.digest import digest, proposal_digest
from services.models.providers.playbook import playbook_of
from services.toolbox import checker
from tests.unit.payables_desk import converse
from tests.unit.toolbox_desk import Desk as ToolboxDesk
from tests.unit.toolbox_desk import starting, task

PACK = load("refunds")
SAMPLES = yaml.safe_load(PACK.text("samples/requests.yaml"))["requests"]
TOOLS = ("read_request", "find_order")


@dataclass
class Desk:
    """A running toolbox of refunds, and the offline model as its agents."""

    toolbox: ToolboxDesk

    def post(self, path: str, body: Fields, status: int = 200) -> Fields:
        return self.toolbox.post(path, body, status)

    def call(self, of: str, tool: str, arguments: Fields) -> Json:
        body: Fields = {"task": of, "subtask": "settle", "attempt": 1, "arguments": arguments}
        return self.post(f"/callers/specialist-refunds/tools/{tool}", body)

    def settle(self, of: str, goal: str, requester: str = "carol") -> Outcome:
        """Take a request all the way: plan, work, review, commit."""
        return self.commit(self.reviewed(of, goal, requester))

    def planned(self, of: str, goal: str, requester: str = "carol") -> Plan:
        """Plan a task and register it."""
        model = playbook_of(PACK)
        drafted = converse(
            model, "planner.draft_plan", {"task": {"goal": goal}}, (), lambda *_: None
        )
        plan = Plan.model_validate(drafted)
        self.toolbox.open_budget(of, requester)
        roles: tuple[Role, ...] = () if requester == "anonymous" else ("submitter",)
        sent = Registration(task=of, requester=requester, roles=roles, goal=goal, plan=plan)
        self.post("/callers/coordinator/plans", sent.model_dump(mode="json"))
        return plan

    def reviewed(self, of: str, goal: str, requester: str = "carol") -> Commit:
        model, plan = playbook_of(PACK), self.planned(of, goal, requester)
        subtask = plan.subtasks[0].model_dump(mode="json")
        order: Fields = {"subtask": subtask, "attempt": 1, "given": [], "feedback": ""}
        said = converse(
            model, "specialist.settle-refund", order, TOOLS, lambda t, a: self.call(of, t, a)
        )
        result = WorkResult.model_validate(said)
        evidence = [
            self.toolbox.http.get(f"/callers/critic/values/{of}/{value}").json()
            for value in result.values
        ]
        review: Fields = {
            "review": {"order": order, "result": result.model_dump(mode="json")},
            "evidence": evidence,
        }
        said_of_it = converse(model, "critic.settle-refund", review, (), lambda *_: None)
        assert said_of_it["decision"] == "accept", said_of_it
        return self.accepted(of, plan, result)

    def accepted(self, of: str, plan: Plan, result: WorkResult) -> Commit:
        """Have a result signed by its specialist and accepted by the critic."""
        asked = WorkOrder(
            task=of, pack="refunds", plan=digest(plan), subtask=plan.subtasks[0], attempt=1
        )
        named = proposal_digest(asked.plan, of, "settle", 1, result)
        verdict = Verdict(
            task=of, subtask="settle", attempt=1, proposal_digest=named, decision="accept"
        )
        return Commit(
            task=of,
            subtask="settle",
            attempt=1,
            slot=1,
            plan=asked.plan,
            result=result,
            signature=worked(asked, result, "specialist-refunds").signature,
            verdict=judged(verdict),
        )

    def talked_into(
        self, of: str, goal: str, words: str, number: str = "", requester: str = "carol"
    ) -> Outcome:
        """Settle a request as an agent that reads these words, and that order, whatever the goal.

        Without a number it finds the order that the words name.
        """
        plan = self.planned(of, goal, requester)
        request = self.value(of, "read_request", {"words": words})
        order = self.value(of, "find_order", {"number": number or f"{request}.order_number"})
        arguments: Fields = {"request": request, "order": order, "reason": "asked for"}
        proposal = Proposal(slot=1, tool="refund_order", arguments=arguments)
        result = WorkResult(decision="refund", proposals=(proposal,))
        return self.commit(self.accepted(of, plan, result))

    def value(self, of: str, tool: str, arguments: Fields) -> str:
        answer = self.call(of, tool, arguments)
        assert isinstance(answer, dict)
        return f"${answer['value']}"

    def commit(self, sent: Commit) -> Outcome:
        body = self.post("/callers/coordinator/commit", sent.model_dump(mode="json"))
        return Outcome.model_validate(body)

    def refunds(self) -> list[Any]:
        found = self.post("/callers/console/operations/list_refunds", {})["refunds"]
        assert isinstance(found, list)
        return found


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    with starting(database_url, tmp_path, PACK) as toolbox:
        yield Desk(toolbox)
        with toolbox.ledger.read() as entry:
            assert checker.problems(entry.session, PACK) == ()


OUTCOMES = {
    ("refund_order", "applied"): "refunded",
    ("refund_order", "held"): "held-for-approval",
    ("ask_about_refund", "applied"): "asked",
}


def test_every_sample_request_comes_to_what_is_expected(desk: Desk) -> None:
    outcomes = [desk.settle(task(n), one["goal"]) for n, one in enumerate(SAMPLES, start=1)]

    found = [OUTCOMES[(o.tool, o.status)] for o in outcomes]
    assert found == [one["outcome"] for one in SAMPLES]
    assert [(r["order"], r["amount"], r["status"]) for r in desk.refunds()] == [
        ("O-1001", "50.00", "scheduled")
    ]


@pytest.mark.parametrize(
    ("words", "status"), [("50.00", "applied"), ("50.01", "held"), ("1,200", "held")]
)
def test_fifty_goes_through_and_a_cent_more_waits(desk: Desk, words: str, status: str) -> None:
    outcome = desk.settle(task(1), f"Refund {words} EUR of order O-1003.")

    assert (outcome.tool, outcome.status) == ("refund_order", status)


def test_the_same_refund_asked_for_twice_is_one(desk: Desk) -> None:
    desk.settle(task(1), "Refund 20.00 EUR of order O-1001.")

    second = desk.settle(task(2), "Please refund 20.00 EUR of O-1001!")

    assert (second.status, second.duplicate_of) == ("duplicate", task(1))


def test_small_refunds_of_one_customer_wait_once_they_are_many(desk: Desk) -> None:
    amounts = ("40.00", "30.00", "10.00", "0.01")

    statuses = [
        desk.settle(task(n), f"Refund {amount} EUR of order O-1001.").status
        for n, amount in enumerate(amounts)
    ]

    assert statuses == ["applied", "applied", "applied", "held"]


def test_another_order_of_the_same_customer_counts_too(desk: Desk) -> None:
    desk.settle(task(1), "Refund 50.00 EUR of order O-1001.")

    assert desk.settle(task(2), "Refund 30.01 EUR of order O-1006.").status == "held"


def test_a_customer_who_is_refunded_often_waits(desk: Desk) -> None:
    for number, amount in enumerate(("1.00", "2.00", "3.00")):
        desk.settle(task(number), f"Refund {amount} EUR of order O-1001.")

    fourth = desk.settle(task(9), "Refund 4.00 EUR of order O-1001.")

    assert (fourth.status, fourth.policies) == ("held", ("suite.risky", "refunds.refund"))


def test_nobody_signed_and_it_waits(desk: Desk) -> None:
    held = desk.settle(task(1), "Refund 5.00 EUR of order O-1001.", requester="anonymous")

    assert held.status == "held"


GOAL = "Please look at the 40.00 EUR of order O-1001; do not refund 49.00 EUR of O-1002 twice."
WHOLE = "Refund 40.00 EUR of order O-1001."


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        (WHOLE, "refund 49.00 EUR of O-1002"),
        (WHOLE, "Refund 40.00 EUR of order O-1002."),
        (WHOLE, "40.00 EUR of order O-1001"),
        (WHOLE, f"{WHOLE} Thank you."),
        (GOAL, "refund 49.00 EUR of O-1002"),
        (GOAL, "40.00 EUR of order O-1001"),
        ("Say hello.", WHOLE),
    ],
)
def test_words_that_are_not_the_requester_s_whole_goal_move_nothing_by_themselves(
    desk: Desk, goal: str, words: str
) -> None:
    held = desk.talked_into(task(1), goal, words)

    assert (held.status, held.tier) == ("held", "approve")
    assert "suite.unconfirmed" in held.policies
    assert desk.refunds() == []


@pytest.mark.parametrize("words", [WHOLE, f" {WHOLE}\n"])
def test_the_requester_s_whole_goal_is_refunded_at_once_by_whatever_model(
    desk: Desk, words: str
) -> None:
    done = desk.talked_into(task(1), WHOLE, words)

    assert (done.status, done.tier) == ("applied", "autonomous")


def test_an_order_number_that_stands_in_the_goal_is_the_requester_s_own(desk: Desk) -> None:
    assert desk.talked_into(task(1), WHOLE, WHOLE, "O-1001").status == "applied"


def test_a_request_for_another_order_than_was_found_is_refused(desk: Desk) -> None:
    with pytest.raises(AssertionError, match="not about the same order"):
        desk.talked_into(task(1), WHOLE, WHOLE, "O-1002")
    assert desk.refunds() == []


def test_the_same_words_that_nobody_signed_wait(desk: Desk) -> None:
    assert desk.talked_into(task(1), WHOLE, WHOLE, requester="anonymous").status == "held"


def test_what_was_refunded_meanwhile_leaves_too_little(desk: Desk) -> None:
    late = desk.reviewed(task(1), "Refund 30.00 EUR of order O-1004.")
    desk.settle(task(2), "Refund 20.00 EUR of order O-1004.")

    problem = desk.post("/callers/coordinator/commit", late.model_dump(mode="json"), 422)

    assert problem["title"] == "OrderOutOfDate"


def test_a_refund_is_taken_back_until_it_is_handed_over(desk: Desk) -> None:
    for number, order in ((1, "O-1001"), (2, "O-1002")):
        desk.settle(task(number), f"Refund 20.00 EUR of order {order}.")
        if number == 1:
            desk.post("/callers/console/operations/hand_over_refunds", {})

    undone = [
        desk.post(
            "/callers/coordinator/compensate",
            Undo(task=task(n), why="cancelled").model_dump(mode="json"),
        )
        for n in (1, 2)
    ]

    assert [u["undone"] for u in undone] == [[], [1]]
    assert "is handed-over" in str(undone[0]["manual"])


@pytest.mark.parametrize(
    ("words", "amount"),
    [
        ("Refund 50.00 EUR of order O-1001.", "50.00"),
        ("1,200 EUR, O-1001", "1200.00"),
        ("O-1001: 7 USD", "7.00"),
        ("-5 EUR for O-1001", None),
        ("0 EUR for O-1001", None),
        ("0.00 EUR for O-1001", None),
        ("NaN EUR for O-1001", None),
        ("Infinity EUR for O-1001", None),
        ("1e309 EUR for O-1001", None),
        ("49.999 EUR for O-1001", None),
        ("50.00000001 EUR for O-1001", None),
        ("1,20 EUR for O-1001", None),
        ("5 XXX for O-1001", None),
        ("\uff150 EUR for O-1001", None),
        ("5\u200b0 EUR for O-1001", None),
        ("50.00 \u0415UR for O-1001", None),
        ("50 EUR or 60 EUR for O-1001", None),
        ("50 EUR for O-1001 and O-1002", None),
        ("50 EUR for \u041e-1001", None),
    ],
)
def test_words_name_one_amount_in_normal_form_or_none(words: str, amount: str | None) -> None:
    read = Request.of(words)

    assert (str(read.amount) if read.amount else None) == amount
    assert read.clear == (amount is not None)
