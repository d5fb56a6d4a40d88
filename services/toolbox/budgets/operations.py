"""Budgets and costs for people: shown, and answered where a soft limit asks."""

from collections import defaultdict

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from quartet.contracts.base import Contract, Line, TaskId
from quartet.contracts.budget import Scope
from quartet.contracts.cost import Accounts, AccountView, Amounts, Costs, TaskCost
from quartet.contracts.view import Done
from quartet.packs.tool import Books as ToolBooks
from services.toolbox.budgets.accounts import standing
from services.toolbox.budgets.opening import answer
from services.toolbox.budgets.standing import MEASURES, Use, usd
from services.toolbox.budgets.tables import AccountRow, BudgetedTaskRow, ReservationRow
from services.toolbox.ledger import Books

MOST = 500


class Which(Contract):
    """Which budgets to show: those that fit every argument given."""

    scope: Scope | None = Field(default=None, description="task, agent, user or day.")
    name: str | None = Field(default=None, description="A task id, an app-id, a user, a tenant.")
    day: str | None = Field(default=None, description="A day as YYYY-MM-DD, UTC.")


class Window(Contract):
    """Which tasks' costs to show."""

    day: str | None = Field(default=None, description="Only tasks begun on this day, UTC.")
    tasks: tuple[TaskId, ...] = Field(default=(), description="Only these tasks.")
    most: int = Field(default=200, ge=1, le=10_000, description="How many tasks at most.")


class Ask(Contract):
    """An answer to a task that asks for more money."""

    task: TaskId = Field(description="The task that asks.")
    why: Line = Field(default="", description="Why; the record keeps it.")


def show_budgets(arguments: Which, books: ToolBooks) -> Accounts:
    """Show budgets as they stand: spent, reserved by calls in flight, limits."""
    query = select(AccountRow).order_by(AccountRow.opened_at.desc()).limit(MOST)
    if arguments.scope is not None:
        query = query.where(AccountRow.scope == arguments.scope)
    if arguments.name is not None:
        query = query.where(AccountRow.name == arguments.name)
    if arguments.day is not None:
        query = query.where(AccountRow.day == arguments.day)
    rows = books.session.scalars(query).all()
    return Accounts(accounts=tuple(_account(books.session, row) for row in rows))


def list_costs(arguments: Window, books: ToolBooks) -> Costs:
    """List what tasks have cost, by agent and in all, newest task first."""
    query = select(BudgetedTaskRow, AccountRow).join(
        AccountRow, (AccountRow.name == BudgetedTaskRow.task) & (AccountRow.scope == "task")
    )
    if arguments.tasks:
        query = query.where(BudgetedTaskRow.task.in_(arguments.tasks))
    if arguments.day is not None:
        query = query.where(func.date(BudgetedTaskRow.opened_at) == arguments.day)
    query = query.order_by(BudgetedTaskRow.opened_at.desc()).limit(arguments.most)
    rows = books.session.execute(query).all()
    by_agent = _by_agent(books.session, [task.task for task, _ in rows])
    total = Use(*(sum(getattr(a, f"spent_{m}") for _, a in rows) for m in MEASURES))
    return Costs(
        tasks=tuple(
            TaskCost(
                task=task.task,
                tenant=task.tenant,
                requester=task.requester,
                opened=task.opened_at.isoformat(timespec="seconds"),
                spent=_amounts(standing(account).spent),
                by_agent_usd=by_agent[task.task],
            )
            for task, account in rows
        ),
        total=_amounts(total),
    )


def allow_budget(arguments: Ask, books: Books) -> Done:
    """Let a task that asks spend up to its hard limit."""
    return Done(says=answer(books.entry, arguments.task, "allowed", arguments.why))


def refuse_budget(arguments: Ask, books: Books) -> Done:
    """End a task that asks for more money: its next call is refused."""
    return Done(says=answer(books.entry, arguments.task, "refused", arguments.why))


def _by_agent(session: Session, tasks: list[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    spent = func.sum(ReservationRow.usd_nano)
    query = select(ReservationRow.task, ReservationRow.caller, spent).group_by(
        ReservationRow.task, ReservationRow.caller
    )
    for task, caller, nano in session.execute(query.where(ReservationRow.task.in_(tasks))):
        found[task][caller] = usd(int(nano))
    return found


def _account(session: Session, row: AccountRow) -> AccountView:
    at = standing(row)
    task = session.get(BudgetedTaskRow, row.name) if row.scope == "task" else None
    soft = row.soft_usd_nano
    limits = at.limits
    return AccountView.model_validate(
        {
            "scope": row.scope,
            "name": row.name,
            "day": row.day,
            "spent": _amounts(at.spent),
            "reserved": _amounts(at.reserved),
            "limits": {
                "cost_usd": None if (cost := limits["usd_nano"]) is None else usd(cost),
                **{m: limits[m] for m in MEASURES[1:]},
            },
            "asks_a_person_from_usd": None if soft is None else usd(soft),
            "waits_for": (task.waits_for or "") if task else "",
        }
    )


def _amounts(use: Use) -> Amounts:
    return Amounts(
        cost_usd=usd(use.usd_nano),
        tokens=use.tokens,
        model_calls=use.model_calls,
        tool_calls=use.tool_calls,
    )
