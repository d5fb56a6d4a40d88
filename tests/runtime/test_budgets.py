"""Budgets and the monitor on the running product, with a scripted model that has a price.

A completion of the skill settle-invoice holds 0.40 USD in the worst case (4000 tokens) and costs
0.003 (30 tokens); every other one is free.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from threading import Event

import pytest

from quartet.contracts.base import Json
from quartet.contracts.cost import Accounts, AccountView, Costs
from quartet.contracts.monitor import Agents
from quartet.contracts.view import TaskView
from quartet.testing.endpoint import Exchange
from tests.suite.client import Client
from tests.suite.here import eventually
from tests.suite.invoices import clean_invoice, outcome
from tests.suite.killing import Target, is_back, kill
from tests.suite.running import Running, reachable_folder, running_product
from tests.suite.scripted_model import ScriptedModel, by_rules, using

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(400)]
PRICED = "specialist.settle-invoice"
WORST, COST = Decimal("0.4"), Decimal("0.003")
READER = "specialist-documents"


@dataclass(frozen=True)
class Priced:
    """A running product whose models are one scripted endpoint, one of its skills with a price."""

    running: Running
    model: ScriptedModel

    @property
    def client(self) -> Client:
        return self.running.client

    def pay(self, cost_usd: str = "5.00") -> str:
        """Submit a clean invoice with so much money; return the task's id."""
        return self.client.pay(clean_invoice(), limits={"budget": {"cost_usd": cost_usd}})

    def accounts(self, task: str) -> tuple[AccountView, ...]:
        """Return the budget of a task as it stands; nothing before the task is claimed."""
        found = self.client.operate("show_budgets", {"scope": "task", "name": task})
        return Accounts.model_validate(found).accounts

    def account(self, task: str) -> AccountView:
        """Return the budget of a task that was claimed."""
        (account,) = self.accounts(task)
        return account

    def spent(self, task: str) -> Decimal:
        """Return the money that a task has spent."""
        return Decimal(self.account(task).spent.cost_usd or 0)

    def waits_for(self, task: str) -> str:
        """Return for whom the calls of a task wait."""
        return "".join(account.waits_for for account in self.accounts(task))

    def kinds(self, task: str | None = None) -> list[str]:
        """Return the kinds of what is on record, oldest first."""
        page: dict[str, Json] = {"limit": 5000, "task": task}
        records = self.client.operate("export_audit", page)
        assert isinstance(records, dict)
        rows = records["records"]
        assert isinstance(rows, list)
        return [json.loads(str(r["record"]))["kind"] for r in rows if isinstance(r, dict)]


@pytest.fixture(scope="module")
def product() -> Iterator[Priced]:
    with ScriptedModel() as model, reachable_folder("budgets") as folder:
        models = model.models_file(folder / "models.yaml", {PRICED: "100"})
        env = {"models": {"QUARTET_MODELS": str(models)}}
        with running_product(folder, env=env) as running:
            yield Priced(running, model)


def states(view: TaskView) -> dict[str, str]:
    return {s.id: s.state for s in view.subtasks}


def test_a_hard_limit_ends_the_task_in_order_with_its_partial_results(product: Priced) -> None:
    task = product.pay(cost_usd="0.39")

    view = product.client.settled(task)

    assert view.failure is not None
    assert (view.state, view.failure.title) == ("failed", "BudgetExceeded")
    assert (view.failure.cause, view.failure.advice) == ("policy", "abandon")
    assert states(view) == {"read": "done", "settle": "failed"}
    assert view.subtasks[0].decision == "invoice"
    assert product.spent(task) == 0
    assert not product.model.asked(PRICED)


def test_a_soft_limit_asks_a_person_and_goes_on_when_allowed(product: Priced) -> None:
    with product.model.told_to():
        task = product.pay(cost_usd="0.50")
        eventually(lambda: product.waits_for(task) == "a person")
        asked = len(product.model.asked(PRICED))
        assert product.client.task(task).state == "running"

        product.client.operate("allow_budget", {"task": task, "why": "it is worth it"})
        view = product.client.settled(task)

    assert asked == 1
    assert outcome(view) == "scheduled"
    assert product.spent(task) == 2 * COST
    costs = Costs.model_validate(product.client.operate("list_costs", {"tasks": [task]}))
    assert Decimal(costs.tasks[0].by_agent_usd["specialist-finance"]) == 2 * COST


@pytest.mark.kill
@pytest.mark.parametrize("name", ["models", "toolbox"])
def test_a_call_whose_end_a_kill_hides_is_paid_at_its_worst_case(
    product: Priced, name: str
) -> None:
    begun, go_on = Event(), Event()

    def held(exchange: Exchange) -> None:
        begun.set()
        go_on.wait(4)
        by_rules(PRICED, product.model.asked(PRICED)[-1])(exchange)

    target = Target("app", name)
    with product.model.told_to(specialist__settle_invoice=[held]):
        task = product.pay()
        assert begun.wait(30)
        killed = kill(product.running.data, product.running.suite, target)
        go_on.set()
        eventually(lambda: is_back(product.running.data, product.running.suite, target, killed), 30)
        view = product.client.settled(task)
        paid = COST * len(product.model.asked(PRICED))

    assert outcome(view) == "scheduled"
    spent = product.spent(task)
    assert paid <= spent <= Decimal(5)
    assert spent == WORST + 2 * COST
    assert product.account(task).reserved.cost_usd == "0"
    assert "call-end-unknown" in product.kinds(task)


def test_an_agent_that_loops_is_warned_paused_and_goes_on_where_it_was(product: Priced) -> None:
    document = product.client.upload(clean_invoice())
    again = using("read_einvoice", json.dumps({"document": document.digest}))

    with product.model.told_to(specialist__read_invoice=[again] * 8):
        event = product.client.event(document, limits={"turns": 20})
        task = product.client.submit(product.client.signed(event))
        eventually(lambda: product.waits_for(task) == READER, 30)
        asked = len(product.model.asked("specialist.read-invoice"))
        agents = Agents.model_validate(product.client.operate("list_agents")).agents
        other = product.pay()
        eventually(lambda: product.waits_for(other) == READER, 30)

        product.client.operate("resume_agent", {"app_id": READER, "why": "looked at it"})
        views = [product.client.settled(one) for one in (task, other)]

    assert asked == 8
    (paused,) = (a for a in agents if a.app_id == READER)
    assert (paused.state, paused.by) == ("paused", "monitor")
    assert [outcome(view) for view in views] == ["scheduled", "scheduled"]
    assert [s.attempt for s in views[0].subtasks] == [1, 1]
    kinds = [k for k in product.kinds() if k.startswith("agent-")]
    assert kinds == ["agent-warned", "agent-paused", "agent-resumed"]


def test_a_call_made_for_ever_ends_at_the_cap_on_turns(product: Priced) -> None:
    document = product.client.upload(clean_invoice())
    again = using("read_einvoice", json.dumps({"document": document.digest}))

    with product.model.told_to(specialist__read_invoice=again):
        event = product.client.event(document, limits={"turns": 6, "attempts": 1})
        view = product.client.settled(product.client.submit(product.client.signed(event)))

    assert view.failure is not None
    assert view.failure.title == "TooManyTurns"


def test_a_call_made_for_ever_ends_at_the_cap_on_tool_calls(product: Priced) -> None:
    document = product.client.upload(clean_invoice())
    again = using("read_einvoice", json.dumps({"document": document.digest}))

    with product.model.told_to(specialist__read_invoice=again):
        limits: Json = {"turns": 200, "budget": {"tool_calls": 5}}
        event = product.client.event(document, limits=limits)
        view = product.client.settled(product.client.submit(product.client.signed(event)))

    assert view.failure is not None
    assert view.failure.title == "BudgetExceeded"
    assert "5 tool calls" in view.failure.detail


def test_more_money_than_the_suite_allows_is_refused_at_the_door(product: Priced) -> None:
    event = product.client.event(
        product.client.upload(clean_invoice()), limits={"budget": {"cost_usd": "5.01"}}
    )

    answer = product.client.http.post("/tasks", json=product.client.signed(event))

    assert answer.status_code == 400
    assert answer.json()["title"] == "BudgetTooLarge"
