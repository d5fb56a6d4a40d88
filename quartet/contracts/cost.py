"""What things have cost, as people see it; the accounts are the toolbox's."""

from quartet.contracts.base import Contract, Line, Name, TaskId, Usd
from quartet.contracts.budget import Scope


class Amounts(Contract):
    """Money, tokens and calls; None where there is no limit."""

    cost_usd: Usd | None = None
    tokens: int | None = None
    model_calls: int | None = None
    tool_calls: int | None = None


class AccountView(Contract):
    """One budget: what is spent, what calls in flight hold, and its limits."""

    scope: Scope
    name: str
    day: str = ""
    spent: Amounts
    reserved: Amounts
    limits: Amounts
    asks_a_person_from_usd: Usd | None = None
    waits_for: Line = ""


class Accounts(Contract):
    """Budgets, by scope and name."""

    accounts: tuple[AccountView, ...]


class TaskCost(Contract):
    """What one task has cost, and by whose calls."""

    task: TaskId
    tenant: Name
    requester: str
    opened: str
    spent: Amounts
    by_agent_usd: dict[str, Usd]


class Costs(Contract):
    """What tasks have cost, newest first, and the sum."""

    tasks: tuple[TaskCost, ...]
    total: Amounts
