"""The audit of a running suite: exported, verified, tampered with, rolled back (V6, F18)."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from quartet.cli.audit import export_to
from quartet.cli.auditing import Verified, verify
from quartet.cli.console import Console, Refused, connect
from quartet.contracts.audit import AuditState
from quartet.runtime.issuer import token
from quartet.sidecar.calling import trace_of
from quartet.trust.digest import canonical
from services.toolbox.audit.coverage import uncovered
from tests.suite.client import Client
from tests.suite.here import eventually
from tests.suite.invoices import clean_invoice
from tests.suite.ledger import ledger_session
from tests.suite.running import Running

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(240)]
NOTICED_WITHIN_S = 60.0
SOON_S = 90.0


@pytest.fixture
def console(running: Running) -> Iterator[Console]:
    with connect(running.data, patience_s=30.0) as console:
        yield console


def checkpoints(running: Running) -> Path:
    return running.data.root / "coordinator" / "checkpoints.jsonl"


def ledger(running: Running) -> Path:
    return running.data.root / "toolbox" / "ledger.db"


def exported(running: Running, console: Console, to: Path) -> Verified:
    """Export the audit, and verify it with keys and checkpoints that did not come with it."""
    export_to(console, to)
    return verify(to, running.data.service_keys, checkpoints(running), lambda _, __: None)


def records(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["record"] for line in lines if "record" in line]


def test_what_a_suite_did_is_on_record_signed_and_verifies_offline(
    running: Running, client: Client, console: Console, tmp_path: Path
) -> None:
    task = client.pay(clean_invoice())
    client.settled(task)

    found = exported(running, console, tmp_path / "audit.jsonl")

    assert found.fault is None
    assert not found.breaks
    told = [r for r in records(tmp_path / "audit.jsonl") if r["task"] == task]
    kinds = {r["kind"] for r in told}
    assert kinds >= {"task-accepted", "plan-registered", "value-stored", "effect-applied"}
    assert {r["trace"] for r in told} == {trace_of(task)}
    assert {r["person"] for r in told[1:]} == {client.requester}
    replicas = {r["actor"]: r["replica"] for r in told}
    assert replicas.keys() >= {"coordinator", "models", "reader", "toolbox"}
    assert all(replicas.values())


def test_the_checkpoint_of_a_task_has_all_five_parts(client: Client, console: Console) -> None:
    task = client.pay(clean_invoice())
    client.settled(task)

    view = console.checkpoint(task)

    by = {said.by for said in view.messages}
    assert by >= {"planner", "specialist-documents", "specialist-finance", "critic"}
    assert all(said.messages[-1]["role"] == "assistant" for said in view.messages)
    assert {r.tool for r in view.results} >= {"read_einvoice", "match_invoice"}
    assert all(r.arguments for r in view.results)
    assert [(r.tool, r.undo) for r in view.resources] == [("schedule_payment", "by-compensation")]
    assert all(step.goal and step.reasoning for step in view.current)
    assert view.intent.task.requester == client.requester
    assert view.intent.plan is not None


def test_everything_that_was_done_carries_its_verdict_and_ruling(
    running: Running, client: Client
) -> None:
    client.settled(client.pay(clean_invoice()))

    with ledger_session(running) as session:
        assert list(uncovered(session)) == []


@contextmanager
def edited(running: Running, *statements: str) -> Iterator[None]:
    """Change the ledger behind the toolbox's back for a ``with`` block."""
    with kept(ledger(running)), closing(sqlite3.connect(ledger(running), timeout=30)) as database:
        with database:
            for statement in statements:
                database.execute(statement)
        yield


@contextmanager
def kept(path: Path) -> Iterator[sqlite3.Connection]:
    """Have a database after a ``with`` block as it was before; yields the copy."""
    with closing(sqlite3.connect(":memory:")) as copy:
        with closing(sqlite3.connect(path, timeout=30)) as live:
            live.backup(copy)
        try:
            yield copy
        finally:
            with closing(sqlite3.connect(path, timeout=30)) as live:
                copy.backup(live)


def alarm(console: Console) -> str:
    state: AuditState = console.audit()
    return state.alarm.says if state.alarm else ""


@pytest.fixture
def acknowledged(
    running: Running, console: Console, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], None]]:
    """Sign on after the test, whatever it left: only an admin may."""

    def acknowledge() -> None:
        if alarm(console):
            with pytest.raises(Refused, match="NotAllowed"):
                console.acknowledge("a test of the audit")
            monkeypatch.setenv("QUARTET_TOKEN", token(running.data, "admin", timedelta(minutes=5)))
            with connect(running.data, patience_s=30.0) as admins:
                admins.acknowledge("a test of the audit")

    yield acknowledge
    acknowledge()


FORGED = canonical({"at": "", "actor": "toolbox", "kind": "test", "body": {}}).hex()
TAMPERED = {
    "edited": [f"UPDATE audit SET record = x'{FORGED}' WHERE sequence = 7"],
    "removed": [
        "DELETE FROM audit WHERE sequence = 7",
        "UPDATE audit SET sequence = sequence - 100000 WHERE sequence > 7",
        "UPDATE audit SET sequence = sequence + 99999 WHERE sequence < 0",
    ],
    "reordered": [
        "UPDATE audit SET sequence = -7 WHERE sequence = 7",
        "UPDATE audit SET sequence = 7 WHERE sequence = 8",
        "UPDATE audit SET sequence = 8 WHERE sequence = -7",
    ],
    "invented": [
        "UPDATE audit SET sequence = sequence + 100000 WHERE sequence >= 7",
        "UPDATE audit SET sequence = sequence - 99999 WHERE sequence > 100000",
        "INSERT INTO audit (sequence, at, actor, kind, record, digest) "
        f"VALUES (7, '2026-01-01', 'toolbox', 'test', x'{FORGED}', '')",
    ],
    "cut": ["DELETE FROM audit WHERE sequence >= 7"],
}


@pytest.mark.parametrize("what", list(TAMPERED))
def test_rows_of_the_audit_changed_in_the_database_are_found_and_named(
    running: Running,
    console: Console,
    acknowledged: Callable[[], None],
    tmp_path: Path,
    what: str,
) -> None:
    """The suite itself may notice too, if it signs meanwhile: then a person acknowledges it."""
    running.client.settled(running.client.pay(clean_invoice()))
    console.attest()

    with edited(running, *TAMPERED[what]):
        found = exported(running, console, tmp_path / "audit.jsonl")

    assert found.fault is not None
    assert found.fault.record == 7
    acknowledged()
    assert exported(running, console, tmp_path / "audit.jsonl").fault is None


def test_a_task_store_that_is_rolled_back_is_noticed_within_a_minute(
    running: Running, client: Client, console: Console
) -> None:
    path = running.data.root / "coordinator" / "tasks.db"
    console.attest()
    with closing(sqlite3.connect(":memory:")) as older:
        with closing(sqlite3.connect(path, timeout=30)) as live:
            live.backup(older)
        client.settled(client.pay(clean_invoice()))
        console.attest()

        with kept(path):
            with closing(sqlite3.connect(path, timeout=30)) as live:
                older.backup(live)
            eventually(lambda: "rolled back" in alarm(console), NOTICED_WITHIN_S)

    assert alarm(console) == ""


def test_a_ledger_that_is_rolled_back_is_noticed_within_a_minute_and_nothing_is_signed(
    running: Running,
    client: Client,
    console: Console,
    acknowledged: Callable[[], None],
    tmp_path: Path,
) -> None:
    console.attest()
    with closing(sqlite3.connect(":memory:")) as older:
        with closing(sqlite3.connect(ledger(running), timeout=30)) as live:
            live.backup(older)
        client.settled(client.pay(clean_invoice()))
        signed = console.attest()

        with kept(ledger(running)):
            with closing(sqlite3.connect(ledger(running), timeout=30)) as live:
                older.backup(live)
            eventually(lambda: "were signed" in alarm(console), NOTICED_WITHIN_S)
            assert console.attest().size == signed.size
            found = exported(running, console, tmp_path / "audit.jsonl")

    assert found.fault is not None
    assert found.fault.record <= signed.size
    acknowledged()
    after = exported(running, console, tmp_path / "audit.jsonl")
    assert after.fault is None
    assert "a test of the audit" in after.breaks[-1].broken
