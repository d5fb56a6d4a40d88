"""Approvals on the real runtime: asked, decided by people, carried out once; attacks V8."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from quartet.contracts.approval import ApprovalDecision, ApprovalView, DecisionKind
from quartet.contracts.base import Fields
from quartet.contracts.view import TaskView
from tests.suite.approving import Decider, decider, ended, held, shown_waiting
from tests.suite.client import Client
from tests.suite.here import eventually
from tests.suite.invoices import outcome, renumbered, sample
from tests.suite.running import Running

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(180)]
OTHER = "sha256:" + "0" * 64


@pytest.fixture
def alice(client: Client) -> Iterator[Decider]:
    with decider(client, "alice") as alice:
        yield alice


@pytest.fixture
def bob(client: Client) -> Iterator[Decider]:
    with decider(client, "bob") as bob:
        yield bob


@pytest.fixture(autouse=True)
def _balanced(running: Running) -> Iterator[None]:
    yield
    assert running.ledger_problems() == ()


def payments(client: Client, task: str) -> int:
    told = client.operate("list_payments")
    assert isinstance(told, dict)
    return str(told["payments"]).count(f"{task}/")


def last(view: TaskView) -> str:
    """Return how the subtask that may pay has ended."""
    return view.subtasks[-1].state


def test_a_held_payment_is_made_once_after_a_person_approves(
    client: Client, alice: Decider
) -> None:
    task = held(client)
    asked = alice.waiting(task)
    assert payments(client, task) == 0

    alice.decide(asked, "approve")

    view = ended(client, task)
    assert (view.state, last(view), outcome(view)) == ("completed", "done", "scheduled")
    assert payments(client, task) == 1
    (used,) = alice.listed(task=task, state="used")
    assert used.id == asked.id
    assert task not in shown_waiting(client)


def test_a_waiting_task_is_found_by_its_state(client: Client) -> None:
    task = held(client)

    assert task in shown_waiting(client)


def test_a_rejected_payment_is_not_made_and_the_task_completes(
    client: Client, alice: Decider
) -> None:
    task = held(client)

    alice.decide(alice.waiting(task), "reject", reason="Not ours.")

    view = ended(client, task)
    assert (view.state, last(view), outcome(view)) == ("completed", "rejected", "rejected")
    assert "by alice: Not ours." in view.subtasks[-1].outcomes[-1].says
    assert payments(client, task) == 0


def test_a_payment_rejected_with_guidance_is_worked_on_and_asked_about_again(
    client: Client, alice: Decider
) -> None:
    task = held(client)
    first = alice.waiting(task)

    alice.decide(first, "reject", reason="Look again.", guidance="Match it once more.")
    eventually(lambda: [a.attempt for a in alice.listed(task=task)] == [2], 60)
    second = alice.waiting(task)
    alice.decide(second, "approve")

    view = ended(client, task)
    assert (view.state, outcome(view), view.subtasks[-1].attempt) == ("completed", "scheduled", 2)
    assert any("Match it once more." in move.why for move in view.history)
    assert payments(client, task) == 1


def list_olga(running: Running) -> None:
    """Have the local issuer sign in olga, who submits and approves."""
    people = yaml.safe_load(running.data.people.read_text())
    if all(one["name"] != "olga" for one in people["people"]):
        people["people"].append({"name": "olga", "roles": ["approver", "submitter"]})
        running.data.people.write_text(yaml.safe_dump(people))


def test_who_submits_anonymously_decides_nothing_of_the_task_and_somebody_else_does(
    running: Running, client: Client, alice: Decider
) -> None:
    list_olga(running)
    with decider(client, "olga") as olga:
        task = held(olga.client)
        refused = olga.say(olga.waiting(task), "approve")
    asked = alice.waiting(task)

    assert (refused.status_code, refused.json()["title"]) == (403, "OwnTask")
    assert (asked.requester, asked.decisions) == ("anonymous", ())
    told = [r["body"] for r in client.records() if r["task"] == task]
    assert {body["asked_by"] for body in told if "asked_by" in body} == {"olga"}

    alice.decide(asked, "approve")

    assert outcome(ended(client, task)) == "scheduled"


def test_two_people_are_two_the_first_is_not_the_second_and_the_requester_is_neither(
    running: Running, client: Client, alice: Decider, bob: Decider
) -> None:
    list_olga(running)
    invoice = client.upload(renumbered(sample("over-limit"), "TWO-PEOPLE"))
    with decider(client, "olga") as olga:
        task = olga.client.submit(olga.client.event(invoice))
        refused = olga.say(olga.waiting(task), "approve")
    assert (refused.status_code, refused.json()["title"]) == (403, "OwnTask")
    asked = alice.waiting(task)
    assert (asked.approvers, asked.requester, asked.decisions) == (2, "olga", ())

    states = [alice.decide(asked, "approve").state for _ in range(2)]
    assert states == ["waiting", "waiting"]
    assert payments(client, task) == 0
    assert bob.decide(asked, "approve").state == "approved"

    assert outcome(ended(client, task)) == "scheduled"
    assert payments(client, task) == 1


def test_what_nobody_decides_in_time_expires_and_the_task_completes(
    running: Running, client: Client, alice: Decider
) -> None:
    task = held(client)
    asked = alice.waiting(task)
    ledger = sqlite3.connect(running.data.root / "toolbox" / "ledger.db", timeout=20)
    with ledger:
        ledger.execute("UPDATE approvals SET expires_at = asked_at WHERE id = ?", (asked.id,))
    ledger.close()

    view = ended(client, task)

    assert (view.state, last(view), outcome(view)) == ("completed", "rejected", "expired")
    assert alice.say(asked, "approve").status_code == 409
    assert payments(client, task) == 0


def test_an_approval_is_used_once(client: Client, alice: Decider, bob: Decider) -> None:
    task = held(client)
    asked = alice.waiting(task)
    alice.decide(asked, "approve")
    ended(client, task)

    again = bob.say(asked, "approve")
    same = alice.decide(asked, "approve")

    assert (again.status_code, again.json()["title"]) == (409, "NotDecidable")
    assert same.state == "used"
    assert payments(client, task) == 1


def test_a_decision_on_another_call_is_refused(client: Client, alice: Decider) -> None:
    task = held(client)
    asked = alice.waiting(task)

    other = alice.say(asked.model_copy(update={"call_digest": OTHER}), "approve")

    assert (other.status_code, other.json()["title"]) == (409, "OtherCall")
    assert client.task(task).shown == "waiting"


@pytest.mark.parametrize(("name", "status"), [("sam", 404), ("operator", 403), ("auditor", 403)])
def test_who_is_no_approver_decides_nothing(
    client: Client, alice: Decider, name: str, status: int
) -> None:
    asked = alice.waiting(held(client))

    with decider(client, name) as person:
        assert person.say(asked, "approve").status_code == status
    assert alice.listed(task=asked.task)[0].decisions == ()


DECIDE: DecisionKind = "approve"


@pytest.mark.parametrize(
    ("caller", "status"), [("console", 401), ("coordinator", 403), ("critic", 403)]
)
def test_no_app_decides_by_itself_not_even_the_console(
    running: Running, client: Client, alice: Decider, caller: str, status: int
) -> None:
    asked = alice.waiting(held(client))
    sent: Fields = ApprovalDecision(decision=DECIDE, call_digest=asked.call_digest).model_dump()

    answer = running.invoke(caller, "toolbox", f"approvals/{asked.id}/decide", sent)

    assert answer.status_code == status, answer.text
    assert alice.listed(task=asked.task)[0].decisions == ()


def test_a_decision_without_sign_in_is_refused(client: Client, alice: Decider) -> None:
    asked: ApprovalView = alice.waiting(held(client))
    body: dict[str, Any] = {"call_digest": asked.call_digest}
    path = f"/approvals/{asked.id}/approve"

    bare = client.http.build_request("POST", path, json=body)
    refused = client.http.send(bare, auth=None)

    assert refused.status_code == 401
