"""A drill: a hot backup in the middle of a batch, Redis and Postgres lose all, the backup returns.

What is typed are the blocks of docs/operations.md as they stand.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from packs.payables.payment_run import Closed, Entries
from quartet.cli.auditing import Verified, verify
from quartet.contracts.base import Fields
from quartet.contracts.view import TaskView
from tests.k8s.disturbed import check_paid_once
from tests.k8s.operations import Operator, blocks_under
from tests.k8s.release import Release
from tests.suite.batches import Batch, batch_of, insist, load_books, prepared
from tests.suite.client import SETTLED, Client
from tests.suite.here import eventually

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(900)]
BACKUP, COPY_CHECKPOINTS, COPY_SECRETS = blocks_under("Backup")
STOP, PUT_BACK, START = blocks_under("Restore")
FIND_LOST, COMPARE, MOVE_AWAY, ACKNOWLEDGE = blocks_under("What was lost, and who says so")
STORES = ("postgres", "redis")
SIZE, LATER, WITHIN_S = 12, 6, 240.0


@dataclass
class Drill:
    """What was done and what came of it."""

    batch: Batch
    later: Batch
    submitted: list[str] = field(default_factory=list)
    unfinished: int = 0
    """Tasks of the batch that had not settled when the backup began."""
    lost_run: str = ""
    found: str = ""
    compared: str = ""
    refused: Fields = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    views: list[TaskView] = field(default_factory=list)
    views_later: list[TaskView] = field(default_factory=list)
    acknowledged: str = ""
    verified: Verified | None = None


@pytest.fixture(scope="module")
def drill(release: Release, client: Client, tmp_path_factory: pytest.TempPathFactory) -> Drill:
    """Lose everything but the files and the keys, and restore."""
    operator = Operator(release, tmp_path_factory.mktemp("operator"))
    values = str(release.values("ci"))
    release.install("-f", values, "--set", "persistence.enabled=true")
    batch = batch_of(20261201, "k8s-restore", SIZE)
    later = batch_of(20261202, "k8s-restore-later", LATER)
    for one in (batch, later):
        load_books(client, one)
    drill = Drill(batch, later)
    events = [*prepared(client, batch), *prepared(client, later)]
    _back_up(client, operator, drill, events)
    _lose_all(release)
    for block in (STOP, PUT_BACK, START):
        operator.types(block)
    _look(client, operator, drill)
    _go_on(client, operator, drill, events)
    return drill


def _back_up(client: Client, operator: Operator, drill: Drill, events: list[Fields]) -> None:
    """Back up while tasks work and come in; then have some that are paid, in a file."""
    half = SIZE // 2
    drill.submitted += [insist(client, event) for event in events[:half]]
    eventually(lambda: _unfinished(client, drill.batch) < half, 60)
    drill.unfinished = _unfinished(client, drill.batch)
    with ThreadPoolExecutor(1) as typing:
        backup = typing.submit(operator.types, BACKUP)
        drill.submitted += [insist(client, event) for event in events[half:SIZE]]
        backup.result()
    operator.types(COPY_SECRETS)
    drill.submitted += [insist(client, event) for event in events[SIZE:]]
    client.batch_settled(drill.later.name, LATER, WITHIN_S)
    closed = Closed.model_validate(client.operate("close_payment_run"))
    drill.lost_run = str(closed.file)
    client.http.post("/audit/attest").raise_for_status()
    operator.types(COPY_CHECKPOINTS)


def _unfinished(client: Client, batch: Batch) -> int:
    return sum(view.shown not in SETTLED for view in client.tasks(batch.name))


def _lose_all(release: Release) -> None:
    """End Redis and Postgres with all that they hold; new and empty ones come up."""
    for store in STORES:
        (pod,) = release.pods_of(store)
        release.kill(pod)
    for store in STORES:
        release.await_ready(store, 1)


def _look(client: Client, operator: Operator, drill: Drill) -> None:
    eventually(lambda: client.http.get("/audit").json().get("alarm") is not None, 60)
    drill.found = operator.types(FIND_LOST)
    drill.compared = operator.types(COMPARE)
    drill.refused = client.http.post("/operations/close_payment_run", json={}).json()
    operator.types(MOVE_AWAY)


def _go_on(client: Client, operator: Operator, drill: Drill, events: list[Fields]) -> None:
    drill.again = [insist(client, event) for event in events]
    views = client.batch_settled(drill.batch.name, SIZE, WITHIN_S)
    drill.views = list(views.values())
    drill.views_later = list(client.batch_settled(drill.later.name, LATER, WITHIN_S).values())
    drill.acknowledged = operator.types(ACKNOWLEDGE)
    client.operate("close_payment_run")
    client.http.post("/audit/attest").raise_for_status()
    operator.types(COPY_CHECKPOINTS)
    operator.types(FIND_LOST)
    export = operator.folder / "backup" / "restored.jsonl"
    outside = operator.folder / "outside" / "checkpoints.jsonl"
    drill.verified = verify(export, None, outside, lambda _, __: None)


def test_each_task_of_the_backup_comes_to_its_end_as_expected(drill: Drill) -> None:
    assert drill.unfinished > 0, "the batch had ended before the backup began"
    assert drill.batch.came_to(drill.views) == drill.batch.expected()


def test_what_was_submitted_after_the_backup_is_submitted_again_and_is_one_task_each(
    drill: Drill, client: Client
) -> None:
    assert drill.again == drill.submitted
    assert drill.later.came_to(drill.views_later) == drill.later.expected()
    tasks = [v.id for b in (drill.batch, drill.later) for v in client.tasks(b.name)]
    assert sorted(tasks) == sorted(drill.submitted)


def test_nothing_is_paid_twice_after_a_restore(drill: Drill, client: Client) -> None:
    check_paid_once(client)
    entries = Entries.model_validate(client.operate("list_payments")).payments
    ours = [e for e in entries if e.vendor.startswith(drill.batch.name)]
    in_runs = Counter(e.effect for e in ours for _ in e.runs)
    assert ours
    assert set(in_runs.values()) == {1}


def test_a_run_that_the_ledger_lost_is_named_and_blocks_the_next_until_it_is_looked_at(
    drill: Drill,
) -> None:
    assert drill.compared.rstrip().endswith(drill.lost_run)
    assert drill.refused["title"] == "PaymentFileUnknown"
    assert drill.lost_run.removesuffix(".xml") in str(drill.refused["detail"])


def test_the_audit_says_that_history_was_lost_and_from_which_record_on(drill: Drill) -> None:
    assert "ALARM" in drill.found
    assert "does not have: the task store was rolled back" in " ".join(drill.found.split())
    assert "NOT what was signed, from record" in drill.found


def test_once_acknowledged_signing_goes_on_and_the_break_stays_visible_for_ever(
    drill: Drill,
) -> None:
    assert "ALARM" not in drill.acknowledged
    assert drill.verified is not None
    (broken,) = drill.verified.breaks
    assert "restored from the backup of" in broken.broken
    assert drill.verified.fault is None
    assert not drill.verified.plain()["ok"]
