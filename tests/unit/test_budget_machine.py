"""Spend never passes a limit: any order of reserving, settling, crashing, retrying, and races."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select

from quartet.contracts.budget import Budgets, Caps, Opening, Release, Reserve, Reserved
from quartet.contracts.effect import Settlement, Spend
from quartet.contracts.monitor import Watch
from quartet.packs.load import load
from quartet.resilience.failures import Failing
from quartet.trust.digest import digest
from services.toolbox.budgets.accounts import standing
from services.toolbox.budgets.ending import close_overdue, release, settle
from services.toolbox.budgets.opening import open_budget
from services.toolbox.budgets.reserving import reserve
from services.toolbox.budgets.standing import MEASURES, Use, usd
from services.toolbox.budgets.tables import AccountRow, BudgetedTaskRow, ReservationRow
from services.toolbox.ledger import Ledger, open_ledger
from tests.unit.test_toolbox_races import at_once
from tests.unit.toolbox_desk import Clock, task

LIMIT = 1000
"""Billionths of a dollar that a task may spend; a user and a day may spend twice that."""
SMALL = Budgets(
    task=Caps(cost_usd=usd(LIMIT), tool_calls=12),
    agent=Caps(cost_usd=usd(3 * LIMIT)),
    user=Caps(cost_usd=usd(2 * LIMIT)),
    day=Caps(cost_usd=usd(2 * LIMIT)),
    soft=1.0,
)
PATIENT = Watch(least_per_minute=10**6, warn_repeats=10**6, pause_repeats=10**6)
PACK = load("payables")
MANIFEST = PACK.manifest.model_copy(update={"budgets": SMALL, "watch": PATIENT})


def call(number: int, of: int, worst: int) -> Reserve:
    """A call of a tool that costs money."""
    return Reserve(
        task=task(of),
        subtask="read",
        attempt=1,
        caller="specialist-documents",
        kind="tool",
        name="read_einvoice",
        arguments_digest=digest(str(number).encode()),
        cost_usd=usd(worst),
        timeout_s=10,
    )


def settlement(of: Reserve, reservation: str, cost: int) -> Settlement:
    return Settlement(
        task=of.task,
        subtask=of.subtask,
        attempt=of.attempt,
        caller=of.caller,
        tool=of.name,
        arguments_digest=of.arguments_digest,
        value=None,
        spend=Spend(cost_usd=usd(cost)),
        reservation=reservation,
    )


def reserving(ledger: Ledger, sent: Reserve) -> Reserved | Failing:
    return ledger.settled(lambda entry: reserve(entry, MANIFEST, "reader", sent))


def opened(ledger: Ledger, opening: Opening) -> None:
    ledger.settled(lambda entry: open_budget(entry, SMALL, opening))


def check(ledger: Ledger) -> None:
    """Nothing is past a limit, and the accounts are the sums of their reservations."""
    with ledger.read() as entry:
        accounts = entry.session.scalars(select(AccountRow)).all()
        reservations = entry.session.scalars(select(ReservationRow)).all()
        owners = {r.task: r for r in entry.session.scalars(select(BudgetedTaskRow))}
        for row in accounts:
            at = standing(row)
            for name in MEASURES:
                limit = at.limits[name]
                used = getattr(at.spent, name) + getattr(at.reserved, name)
                assert limit is None or used <= limit, (row.scope, row.name, name, used, limit)
            mine = [r for r in reservations if carries(row, r, owners)]
            ended = [r for r in mine if r.state in ("settled", "unknown", "late")]
            held = [r for r in mine if r.state == "open"]
            spent = sum(r.usd_nano for r in ended)
            assert at.spent == Use(usd_nano=spent, tool_calls=len(ended))
            reserved = sum(r.worst_usd_nano for r in held)
            assert at.reserved == Use(usd_nano=reserved, tool_calls=len(held))


def carries(account: AccountRow, of: ReservationRow, owners: dict[str, BudgetedTaskRow]) -> bool:
    owner = owners[of.task]
    names = {
        "task": (of.task, ""),
        "agent": (of.caller, of.day),
        "user": (f"{owner.tenant}/{owner.requester}", of.day),
        "day": (owner.tenant, of.day),
    }
    return names[account.scope] == (account.name, account.day)


class Calls(RuleBasedStateMachine):
    """Three tasks of one user, any calls of theirs, ended well, badly, twice, late or never."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="quartet-budget-"))
        shutil.copy(template(), self.folder / "ledger.db")
        self.clock = Clock()
        url = f"sqlite:///{self.folder / 'ledger.db'}"
        self.ledger = open_ledger(url, self.folder, PACK, self.clock)
        self.given: list[tuple[Reserve, str]] = []
        for number in (1, 2, 3):
            opening = Opening(task=task(number), requester="carol")
            opened(self.ledger, opening)

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)

    @rule(number=st.integers(1, 4), of=st.integers(1, 3), worst=st.integers(0, 700))
    def reserves(self, number: int, of: int, worst: int) -> None:
        sent = call(number, of, worst)
        came_to = reserving(self.ledger, sent)
        if isinstance(came_to, Reserved):
            self.given.append((sent, came_to.reservation))

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def settles(self, data: st.DataObject) -> None:
        sent, reservation = data.draw(st.sampled_from(self.given))
        worst = int(float(sent.cost_usd) * 10**9 + 0.5)
        done = settlement(sent, reservation, data.draw(st.integers(0, worst)))
        self.ledger.settled(lambda entry: settle(entry, "reader", done))

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def releases(self, data: st.DataObject) -> None:
        sent, reservation = data.draw(st.sampled_from(self.given))
        back = Release(task=sent.task, reservation=reservation, why="not made")
        self.ledger.settled(lambda entry: release(entry, "reader", back))

    @rule(seconds=st.sampled_from([1, 50, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += timedelta(seconds=seconds)
        close_overdue(self.ledger, self.clock())

    @invariant()
    def nothing_is_past_a_limit(self) -> None:
        check(self.ledger)


_templates: list[Path] = []


def template() -> Path:
    """Return a migrated, empty ledger, made once."""
    if not _templates:
        folder = Path(mkdtemp(prefix="quartet-budget-template-"))
        open_ledger(f"sqlite:///{folder / 'ledger.db'}", folder, PACK).close()
        _templates.append(folder / "ledger.db")
    return _templates[0]


@pytest.fixture(scope="module", autouse=True)
def _no_template_left() -> Iterator[None]:
    yield
    while _templates:
        shutil.rmtree(_templates.pop().parent)


TestCalls = pytest.mark.timeout(600)(Calls.TestCase)
TestCalls.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_calls_that_race_for_the_last_money_never_pass_the_limit(
    ledger_url: str, tmp_path: Path
) -> None:
    ledgers = [open_ledger(ledger_url, tmp_path, PACK) for _ in range(2)]
    opening = Opening(task=task(1), requester="carol")
    opened(ledgers[0], opening)

    def racing(number: int) -> Callable[[], bool]:
        sent = call(number, 1, 300)
        return lambda: isinstance(reserving(ledgers[number % 2], sent), Reserved)

    won = at_once([racing(n) for n in range(8)])

    assert won.count(True) == LIMIT // 300
    check(ledgers[0])
    for ledger in ledgers:
        ledger.close()


def test_one_call_asked_for_by_many_at_once_pays_for_each(ledger_url: str, tmp_path: Path) -> None:
    ledgers = [open_ledger(ledger_url, tmp_path, PACK) for _ in range(2)]
    opening = Opening(task=task(1), requester="carol")
    opened(ledgers[0], opening)

    def racing(number: int) -> Callable[[], Reserved | Failing]:
        return lambda: reserving(ledgers[number % 2], call(1, 1, 100))

    came_to = at_once([racing(n) for n in range(6)])

    ids = {c.reservation for c in came_to if isinstance(c, Reserved)}
    assert len(ids) == 6
    check(ledgers[0])
    with ledgers[0].read() as entry:
        rows = entry.session.scalars(select(ReservationRow)).all()
        assert sorted(r.state for r in rows) == ["open", *["unknown"] * 5]
    for ledger in ledgers:
        ledger.close()


def test_a_settlement_that_races_with_the_sweep_counts_once(
    ledger_url: str, tmp_path: Path
) -> None:
    ledgers = [open_ledger(ledger_url, tmp_path, PACK) for _ in range(2)]
    opening = Opening(task=task(1), requester="carol")
    opened(ledgers[0], opening)
    sent = call(1, 1, 100)
    reserved = reserving(ledgers[0], sent)
    assert isinstance(reserved, Reserved)
    done = settlement(sent, reserved.reservation, 10)
    late = ledgers[0].now() + timedelta(days=1)

    def settled() -> None:
        ledgers[0].settled(lambda entry: settle(entry, "reader", done))

    def swept() -> None:
        close_overdue(ledgers[1], late)

    at_once([settled, swept, settled, swept])

    check(ledgers[0])
    with ledgers[0].read() as entry:
        row = entry.session.get_one(ReservationRow, reserved.reservation)
        assert (row.state, row.usd_nano) in {("settled", 10), ("late", 100)}
    for ledger in ledgers:
        ledger.close()
