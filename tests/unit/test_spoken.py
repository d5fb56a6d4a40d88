"""Decisions by signed webhook: taken once, for whom the sender may speak, and refused else."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey
from sqlalchemy import select

from quartet.contracts.approval import ApprovalView
from quartet.contracts.base import Fields
from quartet.trust.speaking import DECISION
from services.toolbox.approvals.refusals import MOST, WINDOW
from services.toolbox.tables import AuditRow
from tests.unit.approvals_desk import held, kinds
from tests.unit.toolbox_desk import Desk, opened

KEY = OKPKey.generate_key("Ed25519", {"kid": "chat-1"})
OTHER = OKPKey.generate_key("Ed25519", {"kid": "erp-1"})
FOREIGN = OKPKey.generate_key("Ed25519", {"kid": "chat-1"})
LIST = "WyJhbGciXQ"
"""The header `["alg"]`."""
CRIT = "eyJhbGciOiJFZDI1NTE5IiwiY3JpdCI6MX0"
"""The header `{"alg":"Ed25519","crit":1}`."""
MEMBERS: list[Fields] = [
    {"name": "ann", "roles": ["approver"]},
    {"name": "dora", "roles": ["approver"]},
    {"name": "sam", "roles": ["submitter"]},
    {"name": "eve", "tenant": "other", "roles": ["approver"]},
    {"name": "odd", "roles": ["root"]},
]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    chat: dict[str, Any] = {**KEY.as_dict(private=False), "sender": "chat", "people": MEMBERS}
    erp: dict[str, Any] = {**OTHER.as_dict(private=False), "sender": "erp", "people": []}
    (tmp_path / "trust").mkdir()
    (tmp_path / "trust" / "webhooks.jwks.json").write_text(json.dumps({"keys": [chat, erp]}))
    with opened(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as made:
        yield made


def said(desk: Desk, asked: ApprovalView, **other: Any) -> dict[str, Any]:
    return {
        "id": "message-0001",
        "at": desk.clock.now.isoformat(),
        "person": "ann",
        "approval": asked.id,
        "decision": "approve",
        "call_digest": asked.call_digest,
    } | other


def signed(statement: Any, key: OKPKey = KEY, typ: str = DECISION) -> str:
    header = {"alg": "Ed25519", "kid": str(key.kid), "typ": typ}
    return jws.serialize_compact(header, json.dumps(statement), key, algorithms=["Ed25519"])


def send(desk: Desk, message: str) -> tuple[int, Fields]:
    answer = desk.http.post("/callers/console/signed-decisions", json={"jws": message})
    body: Fields = answer.json()
    return answer.status_code, body


def state(desk: Desk, asked: ApprovalView) -> str:
    (one,) = [a for a in desk.approvals() if a.id == asked.id]
    return one.state


def test_a_signed_decision_approves_for_its_person(desk: Desk) -> None:
    sent, asked = held(desk)

    status, body = send(desk, signed(said(desk, asked)))

    assert (status, body["says"]) == (200, f"approval {asked.id} is approved")
    assert desk.commit(sent).status == "applied"
    assert "decision-received" in kinds(desk)


def test_a_replayed_decision_is_refused_and_recorded(desk: Desk) -> None:
    _, asked = held(desk)
    message = signed(said(desk, asked))
    assert send(desk, message)[0] == 200

    status, body = send(desk, message)

    assert (status, body["title"]) == (409, "Replayed")
    assert kinds(desk)[-1] == "decision-refused"


@pytest.mark.parametrize("by", [timedelta(minutes=-6), timedelta(minutes=6)], ids=str)
def test_a_late_and_an_early_decision_are_refused(desk: Desk, by: timedelta) -> None:
    _, asked = held(desk)
    moment = (desk.clock.now + by).isoformat()

    status, body = send(desk, signed(said(desk, asked, at=moment)))

    assert (status, body["title"]) == (401, "NotGenuine")
    assert "five minutes" in str(body["detail"])
    assert kinds(desk)[-1] == "decision-refused"
    assert state(desk, asked) == "waiting"


@pytest.mark.parametrize("person", ["bob", "odd", "", "Ann"])
def test_a_sender_speaks_for_nobody_else(desk: Desk, person: str) -> None:
    _, asked = held(desk)

    assert send(desk, signed(said(desk, asked, person=person)))[0] == 401
    assert send(desk, signed(said(desk, asked), OTHER))[0] == 401
    assert state(desk, asked) == "waiting"


@pytest.mark.parametrize(("person", "status"), [("sam", 404), ("dora", 403), ("eve", 404)])
def test_a_person_may_no_more_by_webhook_than_otherwise(
    desk: Desk, person: str, status: int
) -> None:
    _, asked = held(desk, requester="dora")

    assert send(desk, signed(said(desk, asked, person=person)))[0] == status
    assert state(desk, asked) == "waiting"


def test_an_altered_an_unsigned_and_a_foreign_decision_are_refused(desk: Desk) -> None:
    _, asked = held(desk)
    statement = said(desk, asked)
    header, payload, signature = signed(statement).split(".")
    _, other, _ = signed(statement | {"decision": "reject", "reason": "no"}).split(".")
    none = "eyJhbGciOiJub25lIiwia2lkIjoiY2hhdC0xIiwidHlwIjoicXVhcnRldC1kZWNpc2lvbitqd3MifQ"

    for message in (
        f"{header}.{other}.{signature}",
        f"{header}.{payload}.",
        f"{none}.{payload}.",
        f"{payload}",
        f"{LIST}..",
        f"{CRIT}..",
        "",
        "\u00e9",
        signed(statement, FOREIGN),
        signed(statement, typ="JWT"),
        signed(statement | {"more": 1}),
        signed(statement | {"at": "2026-11-20"}),
        signed(statement | {"id": "short"}),
        signed([statement]),
    ):
        status, body = send(desk, message)
        assert (status, body["title"]) == (401, "NotGenuine"), message
        assert kinds(desk)[-1] == "decision-refused"

    assert state(desk, asked) == "waiting"


def test_a_decision_on_another_call_is_refused(desk: Desk) -> None:
    _, asked = held(desk)

    other = said(desk, asked, call_digest="sha256:" + "0" * 64)

    assert send(desk, signed(other))[0] == 409
    assert state(desk, asked) == "waiting"


def refusals(desk: Desk) -> list[Fields]:
    with desk.ledger.read() as entry:
        query = select(AuditRow).where(AuditRow.kind == "decision-refused")
        rows = entry.session.scalars(query.order_by(AuditRow.sequence)).all()
        return [json.loads(row.record)["body"] for row in rows]


def test_a_flood_of_refused_decisions_writes_few_records_and_is_counted(desk: Desk) -> None:
    desk.clock.step = timedelta(milliseconds=1)
    for number in range(MOST + 7):
        assert send(desk, f"no signature {number}")[0] == 401
    assert len(refusals(desk)) == MOST

    desk.clock.skip(WINDOW)
    for _ in range(2):
        assert send(desk, "no signature")[0] == 401

    counted = [body.get("left_out") for body in refusals(desk)]
    assert counted == [None] * MOST + [7, None]


def test_a_genuine_decision_is_taken_and_recorded_amid_a_flood(desk: Desk) -> None:
    _, asked = held(desk)
    for _ in range(MOST + 1):
        send(desk, "no signature")

    assert send(desk, signed(said(desk, asked)))[0] == 200

    assert "decision-received" in kinds(desk)


def test_without_senders_and_with_a_broken_file_nobody_speaks(desk: Desk, tmp_path: Path) -> None:
    _, asked = held(desk)
    message = signed(said(desk, asked))
    keys = tmp_path / "trust" / "webhooks.jwks.json"

    keys.write_text("{")
    assert send(desk, message)[0] == 503
    keys.unlink()
    assert send(desk, message)[0] == 401
    assert state(desk, asked) == "waiting"
