"""The verbs on money: `quartet budget ...` and `quartet cost`."""

from decimal import Decimal
from typing import Annotated

import typer

from quartet.cli.console import Console, Refused, connect
from quartet.cli.speech import (
    AsJson,
    Data,
    cell,
    emit,
    note,
    one_line_errors,
    plain,
    say,
    table,
    terminal,
)
from quartet.contracts.base import Fields, TaskId
from quartet.contracts.budget import Scope
from quartet.contracts.cost import Accounts, AccountView, Costs
from quartet.contracts.view import Done
from quartet.runtime.layout import DataFolder

budget_app = typer.Typer(help="Budgets of tasks, agents, users and days.", no_args_is_help=True)
MOST = 10_000
TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="The id of a task that asks.")]
Reason = Annotated[str, typer.Option(help="Why; the record keeps it.")]


@budget_app.command("show")
def show(
    task: Annotated[str | None, typer.Option(help="Only the budget of this task.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only those of this app-id.")] = None,
    user: Annotated[str | None, typer.Option(help="Only those of this user.")] = None,
    day: Annotated[str | None, typer.Option(help="Only those of this day, YYYY-MM-DD.")] = None,
    tenant: Annotated[str, typer.Option(help="The tenant of the user.")] = "default",
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show budgets as they stand now: spent, held by calls in flight, limit."""
    whose = f"{tenant}/{user}" if user else None
    named: dict[Scope, str | None] = {"task": task, "agent": agent, "user": whose}
    asked: list[Fields] = [{"scope": s, "name": n, "day": day} for s, n in named.items() if n]
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        found = [a for one in asked or [{"day": day}] for a in _accounts(console, one)]
    if as_json:
        emit(Accounts(accounts=tuple(found)))
    elif found:
        terminal().print(_table(found))
    else:
        note("There is no such budget yet: nothing was called on it.")


@budget_app.command("allow")
def allow(task: TaskArgument, why: Reason = "", data: Data = None) -> None:
    """Let a task that asks for more money spend up to its hard limit."""
    _answer("allow_budget", task, why, data)


@budget_app.command("refuse")
def refuse(task: TaskArgument, why: Reason = "", data: Data = None) -> None:
    """End a task that asks for more money."""
    _answer("refuse_budget", task, why, data)


def cost(
    day: Annotated[str | None, typer.Option(help="Only tasks begun on this day.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only this task; may repeat.")] = None,
    most: Annotated[int, typer.Option(min=1, max=MOST, help="How many tasks at most.")] = 200,
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what tasks have cost, by agent, in all, and for each task that succeeded."""
    window: Fields = {"day": day, "tasks": [*(task or ())], "most": most}
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        costs = Costs.model_validate(console.operate("list_costs", window))
        done = {t.id for t in console.tasks(state="completed", most=MOST)}
    succeeded = [t.task for t in costs.tasks if t.task in done]
    each = per_success(costs, succeeded)
    if as_json:
        emit({**costs.model_dump(mode="json"), "succeeded": len(succeeded), "usd_each": each})
        return
    made = table("task", "requester", "begun", "tokens", "calls", "by agent", "USD")
    for one in costs.tasks:
        spent = one.spent
        agents = ", ".join(f"{a} {c}" for a, c in sorted(one.by_agent_usd.items()))
        calls = str((spent.model_calls or 0) + (spent.tool_calls or 0))
        cells = (one.task, plain(one.requester), one.opened, str(spent.tokens), calls, agents)
        made.add_row(*cells, spent.cost_usd or "0")
    terminal().print(made)
    say(f"{len(costs.tasks)} tasks, {costs.total.cost_usd} USD; {len(succeeded)} succeeded, {each}")


def budget_of(console: Console, task: TaskId) -> AccountView | None:
    """Return the budget of a task; None before its first call, or for who may not see money."""
    try:
        found = _accounts(console, {"scope": "task", "name": task})
    except Refused as refused:
        if refused.problem.title != "NotAllowed":
            raise
        return None
    return found[0] if found else None


def per_success(costs: Costs, succeeded: list[TaskId]) -> str:
    """Return what each task that succeeded has cost, the failed ones' cost shared among them."""
    if not succeeded:
        return "none of which a cost could be given"
    return f"{Decimal(costs.total.cost_usd or 0) / len(succeeded):.9f} USD each"


def _accounts(console: Console, asked: Fields) -> tuple[AccountView, ...]:
    return Accounts.model_validate(console.operate("show_budgets", asked)).accounts


def _table(accounts: list[AccountView]) -> object:
    made = table("scope", "name", "day", "USD", "held", "limit", "tokens", "calls", "waits for")
    for one in accounts:
        spent = one.spent
        calls = f"{(spent.model_calls or 0) + (spent.tool_calls or 0)}"
        money = (spent.cost_usd or "0", one.reserved.cost_usd or "0", one.limits.cost_usd or "")
        named = (one.scope, plain(one.name), one.day, *money, str(spent.tokens), calls)
        made.add_row(*named, cell(one.waits_for))
    return made


def _answer(operation: str, task: str, why: str, data: Data) -> None:
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        done = Done.model_validate(console.operate(operation, {"task": task, "why": why}))
    say(done.says)
