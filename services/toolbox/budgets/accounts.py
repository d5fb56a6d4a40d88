"""The accounts that carry a call, and taking from them by conditional updates, never past a limit.

No row is read before it is written: of many writers at once, those whose update still fits win.
"""

from typing import NamedTuple

from sqlalchemy import BigInteger, BindParameter, and_, bindparam, or_, update
from sqlalchemy.sql.elements import ColumnElement

from quartet.contracts.budget import Budgets, Caps, Scope
from services.toolbox.budgets.standing import MEASURES, Standing, Use, nano
from services.toolbox.budgets.tables import AccountRow, BudgetedTaskRow
from services.toolbox.ledger import Entry

Parameters = dict[str, str | int]


class Account(NamedTuple):
    """The key of an account."""

    scope: Scope
    name: str
    day: str = ""


class Full(Exception):
    """An account has no room for a call."""

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


def take(entry: Entry, accounts: tuple[Account, ...], use: Use, caps: Budgets) -> None:
    """Reserve a call's use on every account; raise Full for one without room, nothing taken."""
    for place, account in enumerate(accounts):
        if _taken(entry, account, use):
            continue
        if account.scope != "task" and find(entry, account) is None:
            open_account(entry, account, getattr(caps, account.scope))
            if _taken(entry, account, use):
                continue
        move(entry, accounts[:place], back=use, spent=Use())
        raise Full(account, standing_of(entry, account))


def move(entry: Entry, accounts: tuple[Account, ...], back: Use, spent: Use) -> None:
    """Take a reservation back from every account and add what was spent in its place."""
    amounts: Parameters = {f"back_{m}": n for m, n in back.items()}
    amounts.update({f"more_{m}": n for m, n in spent.items()})
    if accounts:
        entry.session.connection().execute(_MOVE, [_key(a) | amounts for a in accounts])


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


def _taken(entry: Entry, account: Account, use: Use) -> bool:
    amounts: Parameters = {f"more_{m}": n for m, n in use.items()}
    return bool(entry.session.connection().execute(_TAKE, _key(account) | amounts).rowcount)


def _key(account: Account) -> Parameters:
    return {f"of_{name}": value for name, value in account._asdict().items()}


def _amount(name: str) -> BindParameter[int]:
    return bindparam(name, type_=BigInteger)


def _after(measure: str) -> ColumnElement[int]:
    """Return what would be spent and reserved of a measure with one more call."""
    return (
        _COLUMNS[f"spent_{measure}"] + _COLUMNS[f"reserved_{measure}"] + _amount(f"more_{measure}")
    )


def _room(measure: str, limit: ColumnElement[int]) -> ColumnElement[bool]:
    nothing = _amount(f"more_{measure}") == 0
    return or_(limit.is_(None), nothing, _after(measure) <= limit)


# Built once: building a statement takes longer than running it.
_COLUMNS = AccountRow.__table__.c
_OF = and_(*(_COLUMNS[name] == bindparam(f"of_{name}") for name in Account._fields))
_TAKE = (
    update(AccountRow.__table__)  # type: ignore[arg-type]
    .where(_OF, *(_room(m, _COLUMNS[f"limit_{m}"]) for m in MEASURES))
    .where(_room("usd_nano", _COLUMNS["soft_usd_nano"]))
    .values({f"reserved_{m}": _COLUMNS[f"reserved_{m}"] + _amount(f"more_{m}") for m in MEASURES})
)
_MOVE = (
    update(AccountRow.__table__)  # type: ignore[arg-type]
    .where(_OF)
    .values({f"reserved_{m}": _COLUMNS[f"reserved_{m}"] - _amount(f"back_{m}") for m in MEASURES})
    .values({f"spent_{m}": _COLUMNS[f"spent_{m}"] + _amount(f"more_{m}") for m in MEASURES})
)
