"""Cumulative sums of what is moved: many small payments count as one large one would.

Only applied effects count, so that a large call that is held for a person holds up nobody else.
The rows of the day are locked while a call is decided, so two calls cannot both be the last one
that fits.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import Session

from quartet.packs.amount import Amount
from quartet.packs.load import Pack
from quartet.policy.facts import Sums
from services.toolbox.ledger import Entry
from services.toolbox.policy.tables import MovedRow, MovementRow, Scope
from services.toolbox.tables import EffectRow

MONTH = timedelta(days=29)


@dataclass(frozen=True)
class Movement:
    """What a call would move: how much, to whom, proposed by which app-id, for which requester."""

    amount: Amount
    payee: str
    agent: str
    requester: str

    def scopes(self) -> Iterator[tuple[Scope, str]]:
        """Return what it counts for, always in the same order: so are the rows locked."""
        yield "agent", self.agent
        if self.payee:
            yield "payee", self.payee
        yield "requester", self.requester
        yield "suite", ""


def sums(entry: Entry, movement: Movement) -> Sums:
    """Return what will have been moved with this call, and keep others from adding meanwhile."""
    today, own = entry.now.date(), movement.amount.value
    rows, before = _of_day(entry, movement, today), _before(entry, movement)
    found: dict[str, Decimal] = {}
    for scope, _ in movement.scopes():
        day = rows[scope].amount if scope in rows else Decimal(0)
        found[f"{scope}_day"] = day + own
        if scope != "suite":
            found[f"{scope}_month"] = before.get(scope, Decimal(0)) + day + own
    return Sums.model_validate(found)


def count(entry: Entry, task: str, slot: int, movement: Movement) -> None:
    """Count an effect that is applied, in the transaction that applies it."""
    today = entry.now.date()
    entry.session.add(
        MovementRow(
            task=task,
            slot=slot,
            payee=movement.payee,
            agent=movement.agent,
            requester=movement.requester,
            currency=movement.amount.currency,
            day=today,
            amount=movement.amount.value,
        )
    )
    _add(entry, movement, today, movement.amount.value)


def uncount(entry: Entry, task: str, slot: int) -> None:
    """Take back what an effect counted for: it is undone."""
    moved = entry.session.get(MovementRow, (task, slot))
    if moved is None:
        return
    amount = Amount(moved.amount, moved.currency)
    movement = Movement(amount, moved.payee, moved.agent, moved.requester)
    _add(entry, movement, moved.day, -moved.amount)
    entry.session.delete(moved)


def _add(entry: Entry, movement: Movement, day: date, amount: Decimal) -> None:
    rows = _of_day(entry, movement, day)
    for scope, name in movement.scopes():
        if scope not in rows:
            row = MovedRow(
                scope=scope,
                name=name,
                currency=movement.amount.currency,
                day=day,
                amount=Decimal(0),
            )
            entry.session.add(row)
            rows[scope] = row
        rows[scope].amount += amount


def _of_day(entry: Entry, movement: Movement, day: date) -> dict[str, MovedRow]:
    """Return the sums of a day that there are, locked in one order, by scope."""
    query = (
        select(MovedRow)
        .where(*_counts(movement), MovedRow.day == day)
        .order_by(MovedRow.scope, MovedRow.name)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.scope: row for row in entry.session.scalars(query)}


def _before(entry: Entry, movement: Movement) -> dict[str, Decimal]:
    """Return the sums of the 29 days before today, by scope."""
    today = entry.now.date()
    query = (
        select(MovedRow.scope, func.sum(MovedRow.amount))
        .where(*_counts(movement), MovedRow.day >= today - MONTH, MovedRow.day < today)
        .group_by(MovedRow.scope)
    )
    return dict(entry.session.execute(query).all())


def _counts(movement: Movement) -> tuple[ColumnElement[bool], ...]:
    """Return what holds of the rows that a movement counts for."""
    scopes = tuple_(MovedRow.scope, MovedRow.name).in_(list(movement.scopes()))
    return (scopes, MovedRow.currency == movement.amount.currency)


def problems(session: Session, pack: Pack) -> Iterator[str]:
    """Return where effects, what they moved and the sums by day do not agree."""
    left: Counter[tuple[str, str, str, date]] = Counter()
    counted = set()
    for moved in session.scalars(select(MovementRow)):
        amount = Amount(moved.amount, moved.currency)
        movement = Movement(amount, moved.payee, moved.agent, moved.requester)
        counted.add((moved.task, moved.slot))
        for scope, name in movement.scopes():
            left[(scope, name, moved.currency, moved.day)] -= int(moved.amount * 100)
    for row in session.scalars(select(MovedRow)):
        left[(row.scope, row.name, row.currency, row.day)] += int(row.amount * 100)
    yield from (f"the sum {key} is off by {cents} cents" for key, cents in left.items() if cents)
    live = session.scalars(select(EffectRow).where(EffectRow.status == "applied"))
    moving = {(e.task, e.slot) for e in live if (t := pack.tools[e.tool].effect) and t.amount}
    if counted != moving:
        yield f"the caps count {sorted(counted ^ moving)} wrongly"
