"""Many commits at once: exactly one effect per key and per natural key, on both databases."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from quartet.contracts.effect import Commit, Outcome
from quartet.packs.load import load
from quartet.resilience.failures import Failing
from services.toolbox.commit import commit
from services.toolbox.governance import Governance
from services.toolbox.ledger import Ledger, open_ledger
from services.toolbox.operations import TOOLBOX, operate
from services.toolbox.policy.live import Policies
from tests.unit.toolbox_desk import Desk, invoice, master, opened, order, propose, result, task

Got = TypeVar("Got")
AT_ONCE = 8


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk
        assert desk.problems() == ()


@contextmanager
def replicas(url: str, files: Path) -> Iterator[tuple[Ledger, Ledger]]:
    """Two more toolboxes on the same ledger, each with its own connections."""
    pair = tuple(open_ledger(url, files, load("payables")) for _ in range(2))
    yield pair[0], pair[1]
    for ledger in pair:
        ledger.close()


def at_once(acts: Sequence[Callable[[], Got]]) -> list[Got]:
    barrier = Barrier(len(acts))

    def act(one: Callable[[], Got]) -> Got:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


def committing(ledger: Ledger, desk: Desk, sent: Commit) -> Callable[[], Outcome]:
    return lambda: commit(ledger, Governance(Policies(desk.pack), desk.keyring), sent)


def test_one_commit_sent_by_many_at_once_is_one_effect(
    desk: Desk, ledger_url: str, tmp_path: Path
) -> None:
    match = desk.matched(task(1), invoice())
    sent = order(task(1), result(propose("schedule_payment", match=match)))

    with replicas(ledger_url, tmp_path / "payments") as ledgers:
        outcomes = at_once([committing(ledgers[n % 2], desk, sent) for n in range(AT_ONCE)])

    assert outcomes == [outcomes[0]] * AT_ONCE
    assert outcomes[0].status == "applied"


def test_equal_invoices_of_many_tasks_at_once_are_paid_once(
    desk: Desk, ledger_url: str, tmp_path: Path
) -> None:
    sents = [
        order(task(n), result(propose("schedule_payment", match=desk.matched(task(n), invoice()))))
        for n in range(1, AT_ONCE + 1)
    ]

    with replicas(ledger_url, tmp_path / "payments") as ledgers:
        outcomes = at_once([committing(ledgers[n % 2], desk, s) for n, s in enumerate(sents)])

    assert Counter(o.status for o in outcomes) == {"applied": 1, "duplicate": AT_ONCE - 1}
    first = next(o.task for o in outcomes if o.status == "applied")
    assert {o.duplicate_of for o in outcomes if o.status == "duplicate"} == {first}


def test_different_proposals_for_one_key_at_once_are_one_effect(
    desk: Desk, ledger_url: str, tmp_path: Path
) -> None:
    desk.register(task(1))
    sents = [
        order(task(1), result(propose("ask_about_invoice", reason=f"{n}?")), attempt=n)
        for n in range(1, AT_ONCE + 1)
    ]

    def told(ledger: Ledger, sent: Commit) -> str:
        try:
            return commit(ledger, Governance(Policies(desk.pack), desk.keyring), sent).status
        except Failing as error:
            return error.failure.title

    with replicas(ledger_url, tmp_path / "payments") as ledgers:
        acts = [lambda n=n, s=s: told(ledgers[n % 2], s) for n, s in enumerate(sents)]
        answers = at_once(acts)

    assert Counter(answers) == {"applied": 1, "EffectKeyReused": AT_ONCE - 1}


def test_payments_of_many_tasks_at_once_are_all_made_and_recorded_without_a_gap(
    desk: Desk, ledger_url: str, tmp_path: Path
) -> None:
    tasks = range(1, AT_ONCE + 1)
    matches = {n: desk.matched(task(n), invoice(f"R-{n}")) for n in tasks}
    sents = [order(task(n), result(propose("schedule_payment", match=matches[n]))) for n in tasks]

    with replicas(ledger_url, tmp_path / "payments") as ledgers:
        outcomes = at_once([committing(ledgers[n % 2], desk, s) for n, s in enumerate(sents)])

    assert Counter(o.status for o in outcomes) == {"applied": AT_ONCE}


def test_of_many_invoices_at_once_no_more_are_paid_than_was_received(
    desk: Desk, ledger_url: str, tmp_path: Path
) -> None:
    desk.operate("load_books", master(received="20"))
    tasks = range(1, AT_ONCE + 1)
    matches = {n: desk.matched(task(n), invoice(f"R-{n}", "9")) for n in tasks}
    sents = [order(task(n), result(propose("schedule_payment", match=matches[n]))) for n in tasks]

    def told(ledger: Ledger, sent: Commit) -> str:
        try:
            return commit(ledger, Governance(Policies(desk.pack), desk.keyring), sent).status
        except Failing as error:
            return error.failure.title

    with replicas(ledger_url, tmp_path / "payments") as ledgers:
        acts = [lambda n=n, s=s: told(ledgers[n % 2], s) for n, s in enumerate(sents)]
        answers = at_once(acts)

    assert Counter(answers) == {"applied": 2, "MatchOutOfDate": AT_ONCE - 2}


def test_a_run_closed_many_times_at_once_pays_once(
    desk: Desk, ledger_url: str, tmp_path: Path
) -> None:
    for n in range(1, 4):
        desk.pay(task(n), invoice(f"R-{n}"))

    with replicas(ledger_url, tmp_path / "payments") as ledgers:
        acts = [
            lambda ledger=ledger: operate(ledger, desk.pack, TOOLBOX, "close_payment_run", {})
            for ledger in ledgers * 3
        ]
        closed = at_once(acts)

    runs = [c["run"] for c in closed if isinstance(c, dict) and c["run"]]
    assert len(runs) == 1


def test_an_undoing_and_a_close_at_once_never_both_win(
    desk: Desk, ledger_url: str, tmp_path: Path
) -> None:
    desk.pay(task(1), invoice())

    with replicas(ledger_url, tmp_path / "payments") as (ledger, _):

        def close() -> str:
            found = operate(ledger, desk.pack, TOOLBOX, "close_payment_run", {})
            assert isinstance(found, dict)
            return "closed" if found["run"] else ""

        def undo() -> str:
            return "undone" if desk.undo(task(1)).undone else ""

        answers = at_once([close, undo])

    assert sorted(answers) in (["", "closed"], ["", "undone"])
