"""The notary on a real ledger: what it signs, keeps outside, and what makes it stop."""

import json
import shutil
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel
from sqlalchemy import delete, update

from quartet.contracts.audit import SignedCheckpoint
from quartet.contracts.failure import Problem
from quartet.resilience.failures import Abandon, Failing, RetryLater
from quartet.sidecar.client import refused
from quartet.testing.signing import keyring, signer
from quartet.trust.checkpoints import Chain, genuine
from services.coordinator.notary import EVERY, Notary
from services.coordinator.outside import Outside
from services.coordinator.tables import CheckpointRow
from services.toolbox.audit.tables import AuditNodeRow
from services.toolbox.tables import AuditHead, AuditRow
from tests.unit.coordinator_desk import Desk as Coordinator
from tests.unit.coordinator_desk import desk as coordinator
from tests.unit.toolbox_desk import Desk, invoice, opened, task

Got = TypeVar("Got", bound=BaseModel)


@dataclass
class Toolbox:
    """An invoker whose toolbox is a running one."""

    desk: Desk
    failure: Failing | None = None

    def call(  # noqa: PLR0913 - the port's
        self,
        app_id: str,
        path: str,
        sent: BaseModel | None,
        returns: type[Got],
        timeout_s: float = 30.0,
        token: str = "",
    ) -> Got:
        del timeout_s, token
        assert app_id == "toolbox"
        if self.failure is not None:
            raise self.failure
        url = f"/callers/coordinator/{path}"
        http = self.desk.http
        answer = (
            http.get(url) if sent is None else http.post(url, json=sent.model_dump(mode="json"))
        )
        if not answer.is_success:
            Problem.model_validate_json(answer.content)
            raise refused(answer, path)  # type: ignore[arg-type]
        return returns.model_validate_json(answer.content)


@dataclass
class Office:
    """A notary with its task store, its file outside, and the toolbox that it attests."""

    notary: Notary
    at: Coordinator
    toolbox: Toolbox
    folder: Path

    @property
    def desk(self) -> Desk:
        return self.toolbox.desk

    def attest(self) -> None:
        self.notary.attest_now(datetime.now(UTC))

    def chain(self) -> Chain:
        ring = keyring(self.folder)
        keys = json.loads(ring.path.read_text())["keys"]
        return Chain(genuine(ring, keys)).read(self.notary.outside.all())

    @property
    def alarm(self) -> str:
        found = self.notary.state().alarm
        return found.says if found else ""

    def again(self, store: Path | None = None) -> Notary:
        """The notary as it is after a restart, on this task store."""
        there = coordinator(store) if store else self.at
        return Notary(there.store, self.toolbox, signer("coordinator").sign, self.notary.outside)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    (tmp_path / "store").mkdir()
    at = coordinator(tmp_path / "store")
    with opened(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as desk:
        toolbox = Toolbox(desk)
        outside = Outside(tmp_path / "outside" / "checkpoints.jsonl")
        notary = Notary(at.store, toolbox, signer("coordinator").sign, outside)
        yield Office(notary, at, toolbox, tmp_path)


def records(desk: Desk) -> list[dict[str, Any]]:
    found: Any = desk.operate("export_audit", {"limit": 5000})["records"]
    return [{"kind": ""} | json.loads(r["record"]) for r in found]


def test_growth_is_signed_kept_and_kept_outside(office: Office) -> None:
    office.attest()
    office.desk.pay(task(1), invoice())
    office.attest()

    chain = office.chain()

    assert len(chain.ids) == 2
    assert chain.newest is not None
    assert chain.newest.size == len(records(office.desk)) == office.notary.state().size
    assert list(office.notary.outside.all()) == list(office.notary.page(0).checkpoints)


def test_nothing_new_signs_nothing(office: Office) -> None:
    office.attest()
    office.attest()

    assert len(office.chain().ids) == 1


def test_it_signs_every_ten_seconds_at_most(office: Office) -> None:
    now = datetime.now(UTC)
    office.notary.attest(now)
    office.desk.pay(task(1), invoice())

    office.notary.attest(now + EVERY - timedelta(seconds=1))
    assert len(office.chain().ids) == 1
    office.notary.attest(now + EVERY)
    assert len(office.chain().ids) == 2


def test_a_long_growth_is_signed_page_by_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.toolbox.audit.sequence.growth.__defaults__", (5,))
    for number in range(3):
        office.desk.pay(task(number), invoice(f"R-{number}"))

    office.attest()

    chain = office.chain()
    assert len(chain.ids) > 2
    assert chain.newest is not None
    assert chain.newest.size == len(records(office.desk))


def test_a_toolbox_that_is_away_is_no_alarm(office: Office) -> None:
    office.toolbox.failure = RetryLater("It is restarting.", cause="network", title="Unavailable")

    with pytest.raises(RetryLater):
        office.attest()
    office.notary.attest_last()

    assert office.alarm == ""


def tampered(office: Office, change: Any) -> None:
    with office.desk.ledger.write() as entry:
        entry.session.execute(change)


SET = update(AuditHead)
CHANGES: dict[str, list[Any]] = {
    "a record that was not signed yet is edited": [
        update(AuditRow).where(AuditRow.sequence > 5).values(record=b"{}")
    ],
    "the tail is cut and the head set back": [
        delete(AuditRow),
        delete(AuditNodeRow),
        SET.values(sequence=0, peaks=b""),
    ],
    "the tree is another": [SET.values(peaks=b"x" * 96, sequence=7)],
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_changed_history_raises_an_alarm_and_stops_signing(office: Office, change: str) -> None:
    office.attest()
    office.desk.pay(task(1), invoice())
    for statement in CHANGES[change]:
        tampered(office, statement)

    office.attest()
    office.attest()

    assert office.alarm
    assert len(office.chain().ids) == 1


def test_an_alarm_is_on_record(office: Office) -> None:
    office.attest()
    office.desk.pay(task(1), invoice())
    tampered(office, update(AuditRow).where(AuditRow.sequence > 5).values(record=b"{}"))

    office.attest()

    told = [r for r in records(office.desk) if r["kind"] == "audit-alarm"]
    assert [r["body"]["says"] for r in told] == [office.alarm]


def test_a_ledger_that_was_rolled_back_and_went_on_raises_an_alarm(
    office: Office, tmp_path: Path
) -> None:
    office.attest()
    shutil.copy(tmp_path / "ledger.db", tmp_path / "ledger.old")
    for number in range(3):
        office.desk.pay(task(number), invoice(f"R-{number}"))
    office.attest()
    with opened(f"sqlite:///{tmp_path / 'ledger.old'}", tmp_path / "rolled-back") as older:
        for number in range(6):
            older.pay(task(number), invoice(f"S-{number}"))
        office.toolbox.desk = older

        office.attest()

        assert "are not those that were signed" in office.alarm


def test_a_task_store_that_was_rolled_back_raises_an_alarm(office: Office, tmp_path: Path) -> None:
    office.attest()
    office.desk.pay(task(1), invoice())
    office.attest()
    (tmp_path / "older").mkdir()
    later = office.again(tmp_path / "older")

    later.attest_now(datetime.now(UTC))

    alarm = later.state().alarm
    assert alarm is not None
    assert "the task store was rolled back" in alarm.says


def test_a_file_that_is_none_any_more_raises_an_alarm(office: Office) -> None:
    office.attest()
    office.notary.outside.path.write_text("nothing\n")

    office.attest()

    assert "is no list of checkpoints" in office.alarm


def test_after_a_person_acknowledged_it_signing_starts_anew_and_says_so(office: Office) -> None:
    office.attest()
    tampered(office, delete(AuditRow))
    tampered(office, delete(AuditNodeRow))
    tampered(office, SET.values(sequence=0, peaks=b""))
    office.attest()

    office.notary.acknowledge("ada", "Restored from the backup of Monday.")
    office.desk.pay(task(1), invoice())
    office.attest()

    chain = office.chain()
    assert office.alarm == ""
    assert chain.newest is not None
    assert chain.newest.size == len(records(office.desk))
    assert ["ada: Restored" in broken.broken for broken in chain.breaks] == [True]
    assert "audit-acknowledged" in {r["kind"] for r in records(office.desk)}


def test_there_is_nothing_to_acknowledge_without_an_alarm(office: Office) -> None:
    with pytest.raises(Abandon, match="No alarm is open"):
        office.notary.acknowledge("ada", "just so")


def test_what_a_crash_kept_from_the_file_is_added_later(office: Office) -> None:
    office.attest()
    office.desk.pay(task(1), invoice())
    office.attest()
    path = office.notary.outside.path
    whole = path.read_bytes()
    first = whole.splitlines(keepends=True)[0]
    path.write_bytes(first + whole[len(first) : len(first) + 40])

    office.attest()

    assert path.read_bytes() == whole
    assert office.alarm == ""


def test_an_alarm_outlives_a_restart(office: Office) -> None:
    office.attest()
    tampered(office, SET.values(sequence=0, peaks=b""))
    office.attest()

    state = office.again().state()

    assert state.alarm is not None


def test_checkpoints_are_given_in_pages(office: Office) -> None:
    for number in range(22):
        office.desk.pay(task(number), invoice(f"R-{number}"))
        office.attest()

    first = office.notary.page(0).checkpoints
    rest = office.notary.page(len(first)).checkpoints

    assert (len(first), len(rest)) == (20, 2)
    assert [*first, *rest] == list(office.notary.outside.all())
    with office.at.store.reading() as session:
        row = session.get_one(CheckpointRow, 22)
    assert rest[-1] == SignedCheckpoint.model_validate(
        {"checkpoint": row.signed, "leaves": b64encode(row.leaves)}
    )
