"""Models that answer wrongly or not at all, over HTTP into the running product."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from packs.payables.payment_run import Entries
from quartet.contracts.base import Fields, Json
from quartet.contracts.failure import Failure
from quartet.contracts.view import TaskView
from quartet.testing.endpoint import Script, answering, raw
from tests.suite.client import Client
from tests.suite.invoices import clean_invoice, outcome
from tests.suite.running import running_product
from tests.suite.scripted_model import ScriptedModel, saying, silent, using

pytestmark = pytest.mark.runtime


@dataclass(frozen=True)
class Scripted:
    """A running product whose models are all one scripted endpoint."""

    client: Client
    model: ScriptedModel

    def run(self, **data: Json) -> TaskView:
        """Run a signed task for a clean invoice to its end."""
        return self.client.settled(self.client.pay(clean_invoice(), "document.xml", **data))

    def failed(self, **data: Json) -> tuple[TaskView, Failure]:
        """Run a task that has to fail; return it with why, its payment not made."""
        view = self.run(**data)
        entries = Entries.model_validate(self.client.operate("list_payments")).payments
        assert view.state == "failed"
        assert view.failure is not None
        assert view.id not in {entry.effect.partition("/")[0] for entry in entries}
        return view, view.failure


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    """Run the product with QUARTET_MODELS naming the scripted endpoint."""
    folder = tmp_path_factory.mktemp("scripted")
    with ScriptedModel() as model:
        models = model.models_file(folder / "models.yaml")
        env = {"models": {"QUARTET_MODELS": str(models)}}
        with running_product(folder, env=env) as product:
            yield Scripted(product.client, model)


def plan(*subtasks: Fields) -> Script:
    """Script a plan."""
    return saying({"subtasks": [*subtasks]})


def subtask(name: str, kind: str = "read-invoice", *after: str, **more: object) -> Fields:
    """Return a subtask of a plan."""
    built = {"id": name, "kind": kind, "goal": "Do it", "depends_on": list(after), **more}
    return json.loads(json.dumps(built))  # type: ignore[no-any-return]


def test_an_endpoint_that_answers_rightly_gets_the_invoice_paid(product: Scripted) -> None:
    view = product.run()

    assert view.failure is None
    assert outcome(view) == "scheduled"


def test_an_unknown_kind_is_fed_back_once_and_a_mended_plan_runs(product: Scripted) -> None:
    with product.model.told_to(planner__draft_plan=[plan(subtask("paint", "paint-invoice"))]):
        view = product.run()

    assert outcome(view) == "scheduled"
    _, again = product.model.asked("planner.draft_plan")
    assert "NoSpecialistAvailable" in str(again["messages"])
    assert "paint-invoice" in str(again["messages"])


NOT_A_PLAN: dict[str, tuple[Script, str, str]] = {
    "unknown-kind": (
        plan(subtask("paint", "paint-invoice")),
        "NoSpecialistAvailable",
        "no specialist for kind 'paint-invoice'; have read-invoice, settle-invoice",
    ),
    "cycle": (
        plan(subtask("one", "read-invoice", "two"), subtask("two", "settle-invoice", "one")),
        "PlanRefused",
        "cycle or waits for ever: one, two",
    ),
    "of-itself": (plan(subtask("one", "read-invoice", "one")), "PlanRefused", "cycle"),
    "dangling": (
        plan(subtask("one", "read-invoice", "ghost")),
        "PlanRefused",
        "'one' depends on unknown 'ghost'",
    ),
    "unknown-tool": (
        plan(subtask("one", slots=[{"number": 1, "tools": ["wire_money"]}])),
        "PlanRefused",
        "No write tool is named 'wire_money'",
    ),
    "foreign-document": (
        plan(subtask("one", documents=[f"sha256:{'0' * 64}"])),
        "PlanRefused",
        "The task has no document",
    ),
}


@pytest.mark.parametrize(("drafted", "title", "says"), NOT_A_PLAN.values(), ids=list(NOT_A_PLAN))
def test_a_plan_that_is_none_fails_the_task_after_one_revision(
    product: Scripted, drafted: Script, title: str, says: str
) -> None:
    with product.model.told_to(planner__draft_plan=drafted):
        view, failure = product.failed()

    assert (failure.title, failure.cause, failure.advice) == (title, "model", "abandon")
    assert says in failure.detail
    assert view.subtasks == ()
    assert len(product.model.asked("planner.draft_plan")) == 2


GARBAGE: dict[str, tuple[Script, str]] = {
    "no-json": (answering({"role": "assistant", "content": "Sure! Here you go."}), "no JSON"),
    "other-schema": (saying({"answer": 42}), "not in its schema"),
    "not-a-number": (answering({"role": "assistant", "content": '{"x": NaN}'}), "no JSON number"),
    "empty": (answering({"role": "assistant", "content": ""}), "neither content nor tool calls"),
    "unknown-tool": (using("wire_money", "{}"), "asked for tool 'wire_money'"),
    "a-web-page": (raw(200, b"<html>busy</html>", content_type="text/html"), "is no JSON"),
    "no-completion": (raw(200, b'{"choices": []}'), "is no chat completion"),
    "too-large": (raw(200, b" " * 1_000_001), "has over 1000000 bytes"),
    "refused-request": (raw(400, b"no such model"), "refused the request (400): no such model"),
    "refused-key": (raw(401), "wants a key (401)"),
}
garbage = pytest.mark.parametrize(("script", "says"), GARBAGE.values(), ids=list(GARBAGE))


@garbage
def test_a_planner_s_model_that_answers_garbage_fails_the_task(
    product: Scripted, script: Script, says: str
) -> None:
    with product.model.told_to(planner__draft_plan=script):
        _, failure = product.failed()

    assert failure.cause == "model"
    assert says in failure.detail


@garbage
def test_a_specialist_s_model_that_answers_garbage_fails_the_task(
    product: Scripted, script: Script, says: str
) -> None:
    with product.model.told_to(specialist__read_invoice=script):
        view, failure = product.failed()

    assert failure.cause == "model"
    assert says in failure.detail
    assert {s.id: s.state for s in view.subtasks} == {"read": "failed", "settle": "dropped"}


def test_garbage_once_is_asked_again_and_the_task_completes(product: Scripted) -> None:
    bad = answering({"role": "assistant", "content": "Sure!"})
    with product.model.told_to(
        planner__draft_plan=[bad], specialist__settle_invoice=[bad, bad], critic__read_invoice=[bad]
    ):
        view = product.run()

    assert outcome(view) == "scheduled"


@pytest.mark.parametrize(
    ("skill", "awaited"),
    [
        ("planner__draft_plan", "planner for the plan"),
        ("specialist__read_invoice", "specialist-documents for subtask 'read'"),
        ("critic__read_invoice", "critic for subtask 'read'"),
    ],
)
def test_a_silent_model_ends_the_task_at_its_deadline(
    product: Scripted, skill: str, awaited: str
) -> None:
    with product.model.told_to(**{skill: silent}):
        _, failure = product.failed(limits={"deadline_s": 7})

    assert failure.title == "DeadlineExceeded"
    assert awaited in failure.detail


def test_a_critic_s_garbage_rejects_and_lets_nothing_through(product: Scripted) -> None:
    bad = answering({"role": "assistant", "content": "Looks fine to me."})
    with product.model.told_to(critic__settle_invoice=bad):
        view, failure = product.failed()

    assert failure.title == "SubtaskRejected"
    assert "The critic came to no judgement" in failure.detail
    assert view.subtasks[-1].outcomes == ()


def test_a_critic_that_is_never_satisfied_ends_the_task(product: Scripted) -> None:
    no = saying({"decision": "revise", "reasons": ["Not good enough."]})
    with product.model.told_to(critic__settle_invoice=no):
        view, failure = product.failed(limits={"attempts": 2})

    assert failure.title == "CriticNotSatisfied"
    assert "Not good enough." in failure.detail
    assert view.subtasks[-1].attempt == 2


def test_a_critic_that_rejects_ends_the_task(product: Scripted) -> None:
    no = saying({"decision": "reject", "reasons": ["Smells of fraud."]})
    with product.model.told_to(critic__settle_invoice=no):
        view, failure = product.failed()

    assert (failure.title, failure.cause) == ("SubtaskRejected", "policy")
    assert "Smells of fraud." in failure.detail
    assert view.subtasks[-1].state == "rejected"


def test_a_read_tool_s_argument_outside_its_schema_is_told_to_the_model(product: Scripted) -> None:
    document = product.client.upload(clean_invoice())
    wrong = using("read_einvoice", '{"document": 7}')
    right = using("read_einvoice", json.dumps({"document": document.digest}))
    event = product.client.signed(product.client.event(document))

    with product.model.told_to(specialist__read_invoice=[wrong, right]):
        view = product.client.settled(product.client.submit(event))

    assert outcome(view) == "scheduled", view.failure
    told = str(product.model.asked("specialist.read-invoice")[1]["messages"])
    assert "ArgumentsRefused" in told
    assert "document" in told


def test_a_document_that_somebody_else_uploaded_is_not_read_for_a_task_of_another_one(
    product: Scripted,
) -> None:
    document, theirs = (product.client.upload(clean_invoice()) for _ in range(2))
    wrong, right = (
        using("read_einvoice", json.dumps({"document": one.digest})) for one in (theirs, document)
    )
    event = product.client.signed(product.client.event(document))

    with product.model.told_to(specialist__read_invoice=[wrong, right]):
        task = product.client.submit(event)
        view = product.client.settled(task)

    assert outcome(view) == "scheduled", view.failure
    assert "NotItsDocument" in str(product.model.asked("specialist.read-invoice")[1]["messages"])
    told = [r for r in product.client.records() if r["task"] == task]
    refused = [r["body"]["document"] for r in told if r["kind"] == "document-refused"]
    read = [r for r in told if r["kind"] == "value-stored" and r["body"]["tool"] == "read_einvoice"]
    assert (refused, len(read)) == ([theirs.digest], 1)


def test_a_model_that_calls_tools_for_ever_is_stopped(product: Scripted) -> None:
    with product.model.told_to(specialist__read_invoice=using("read_einvoice", '{"document": 7}')):
        _, failure = product.failed(limits={"turns": 3, "attempts": 1})

    assert failure.title == "TooManyTurns"
    assert "after 3 turns" in failure.detail
    assert len(product.model.asked("specialist.read-invoice")) == 3


PROPOSED: dict[str, tuple[Fields, str]] = {
    "no-reference": ({"match": "DE80284559419069782389"}, "match"),
    "unknown-value": ({"match": f"$val-{'0' * 16}"}, "val-0000000000000000"),
    "nothing": ({}, "match"),
    "more-than-asked": ({"iban": "DE80284559419069782389"}, "iban"),
}


@pytest.mark.parametrize(("arguments", "says"), PROPOSED.values(), ids=list(PROPOSED))
def test_a_proposal_with_an_argument_outside_its_schema_is_never_carried_out(
    product: Scripted, arguments: Fields, says: str
) -> None:
    proposal: Fields = {"slot": 1, "tool": "schedule_payment", "arguments": arguments}
    settled = saying({"decision": "pay", "summary": "pay it", "proposals": [proposal]})
    accepted = saying({"decision": "accept", "reasons": []})

    with product.model.told_to(specialist__settle_invoice=settled, critic__settle_invoice=accepted):
        view, failure = product.failed(limits={"attempts": 2})

    assert failure.cause == "data"
    assert failure.advice == "retry-changed"
    assert says in failure.detail
    assert view.subtasks[-1].attempt == 2
    fed_back = product.model.asked("specialist.settle-invoice")[-1]
    assert says in str(fed_back["messages"])


def test_a_proposal_outside_the_plan_is_refused(product: Scripted) -> None:
    proposal: Fields = {"slot": 9, "tool": "schedule_payment", "arguments": {}}
    settled = saying({"decision": "pay", "summary": "pay it", "proposals": [proposal]})

    with product.model.told_to(specialist__settle_invoice=settled):
        _, failure = product.failed(limits={"attempts": 1})

    assert failure.cause == "model"
    assert "slot 9" in failure.detail


def test_after_all_that_the_product_still_works(product: Scripted) -> None:
    assert outcome(product.run()) == "scheduled"
