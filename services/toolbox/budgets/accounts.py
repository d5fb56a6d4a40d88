"""The accounts that carry a call, and taking from them by conditional updates, never past a limit.

No row is read before it is written: of many writers at once, those whose update still fits win.
"""

from typing import NamedTuple

from sqlalchemy import Update, and_, or_, update
from sqlalchemy.sql.elements import ColumnElement

from quartet.contracts.budget import Budgets, Caps, Scope
from services.toolbox.budgets.standing import MEASURES, Standing, Use, nano
from services.toolbox.budgets.tables import AccountRow, BudgetedTaskRow
from services.toolbox.ledger import Entry


class Account(NamedTuple):
    """The key of an account."""

    scope: Scope
    name: str
    day: str = ""


class Full(Exception):
    """An account has no room for a call; taking from the ones before it is to be undone."""

    def __init__(self, account: Account, standing: Standing) -> None:
        """Take the account as it stands."""
        super().__init__(account)
        self.account, self.standing = account, standing


def accounts_of(task: BudgetedTaskRow, agent: str, day: str) -> tuple[Account, ...]:
    """Return the four accounts of a call; always in one order, so that no two writers lock up."""
    return (
        Account("task", task.task),
        Account("agent", agent, day),
        Account("user", f"{task.tenant}/{task.requester}", day),
        Account("day", task.tenant, day),
    )


def open_account(entry: Entry, account: Account, caps: Caps, soft: float = 1.0) -> AccountRow:
    """Insert an account with its limits."""
    cost = None if caps.cost_usd is None else nano(caps.cost_usd)
    row = AccountRow(
        **account._asdict(),
        limit_usd_nano=cost,
        limit_tokens=caps.tokens,
        limit_model_calls=caps.model_calls,
        limit_tool_calls=caps.tool_calls,
        soft_usd_nano=None if cost is None or soft >= 1 else int(cost * soft),
        opened_at=entry.now,
    )
    entry.session.add(row)
    entry.session.flush()
    return row


def take(
    entry: Entry, accounts: tuple[Account, ...], use: Use, caps: Budgets, side: str = "reserved"
) -> None:
    """Add a call's use to every account, or raise Full for the first without room."""
    for account in accounts:
        if _taken(entry, account, use, side):
            continue
        if account.scope != "task" and find(entry, account) is None:
            open_account(entry, account, getattr(caps, account.scope))
            if _taken(entry, account, use, side):
                continue
        raise Full(account, standing_of(entry, account))


def move(entry: Entry, accounts: tuple[Account, ...], back: Use, spent: Use) -> None:
    """Take a reservation back from every account and add what was spent in its place."""
    changes = {
        f"{side}_{name}": getattr(AccountRow, f"{side}_{name}") + sign * amount
        for side, sign, use in (("reserved", -1, back), ("spent", 1, spent))
        for name, amount in use.items()
        if amount
    }
    for account in accounts if changes else ():
        entry.session.execute(_updating(account).values(changes))


def find(entry: Entry, account: Account) -> AccountRow | None:
    """Return an account as it stands now, if it was ever opened."""
    return entry.session.get(AccountRow, tuple(account), populate_existing=True)


def standing_of(entry: Entry, account: Account) -> Standing:
    """Return how an account stands."""
    row = entry.session.get_one(AccountRow, tuple(account), populate_existing=True)
    return standing(row)


def standing(row: AccountRow) -> Standing:
    """Return how the account of a row stands."""
    return Standing(
        spent=Use(*(getattr(row, f"spent_{m}") for m in MEASURES)),
        reserved=Use(*(getattr(row, f"reserved_{m}") for m in MEASURES)),
        limits={m: getattr(row, f"limit_{m}") for m in MEASURES},
        soft_usd_nano=row.soft_usd_nano,
    )


def _taken(entry: Entry, account: Account, use: Use, side: str) -> bool:
    used = [(name, amount) for name, amount in use.items() if amount]
    fits = and_(*(_room(name, amount) for name, amount in used))
    more = {f"{side}_{n}": getattr(AccountRow, f"{side}_{n}") + amount for n, amount in used}
    done = entry.session.execute(_updating(account).where(fits).values(more))
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _room(name: str, amount: int) -> ColumnElement[bool]:
    limit = getattr(AccountRow, f"limit_{name}")
    after = getattr(AccountRow, f"spent_{name}") + getattr(AccountRow, f"reserved_{name}") + amount
    fits: ColumnElement[bool] = or_(limit.is_(None), after <= limit)
    if name != "usd_nano":
        return fits
    soft = AccountRow.soft_usd_nano
    return and_(fits, or_(soft.is_(None), after <= soft))


def _updating(account: Account) -> Update:
    return (
        update(AccountRow)
        .where(
            AccountRow.scope == account.scope,
            AccountRow.name == account.name,
            AccountRow.day == account.day,
        )
        .execution_options(synchronize_session=False)
    )
