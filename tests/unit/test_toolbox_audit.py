"""What the toolbox puts on record: who, what, when, in which trace; the tree over it."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import delete, select, text, update

from quartet.contracts.audit import AuditGrowth, AuditRoot
from quartet.contracts.base import Fields
from quartet.service.database import connect
from quartet.sidecar.calling import REPLICA, trace_of
from quartet.trust.digest import canonical, digest
from quartet.trust.merkle import Tree, consistent, leaf
from services.toolbox.audit import contents, sequence
from services.toolbox.audit.tables import AuditNodeRow, ContentRow
from services.toolbox.ledger import HERE
from services.toolbox.tables import AuditRow
from tests.unit.toolbox_desk import Desk, invoice, opened, settlement, task

TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "quartet-replica": "host-2:77"}


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk


def records(desk: Desk, **page: Any) -> list[dict[str, Any]]:
    found: Any = desk.operate("export_audit", page)["records"]
    assert all(digest(r["record"].encode()) == r["digest"] for r in found)
    return [json.loads(r["record"]) for r in found]


def root(desk: Desk) -> AuditRoot:
    return AuditRoot.model_validate(desk.http.get("/callers/coordinator/audit/root").json())


def growth(desk: Desk, old: int) -> AuditGrowth:
    answer = desk.http.get(f"/callers/coordinator/audit/growth/{old}")
    assert answer.status_code == 200, answer.text
    return AuditGrowth.model_validate(answer.json())


def act(desk: Desk, caller: str = "coordinator", status: int = 200, **other: Any) -> Fields:
    body: Fields = {"id": "a-1", "kind": "event-refused", "task": None, "body": {"why": "forged"}}
    return desk.post(f"/callers/{caller}/record", body | other, status)


def test_a_record_says_who_for_whom_when_and_in_which_trace(desk: Desk) -> None:
    desk.http.headers.update(HEADERS)
    desk.pay(task(1), invoice())

    told = {
        r["kind"]: r
        for r in records(desk, task=task(1))
        if not r["kind"].startswith("budget-")  # opened before there is a plan
    }

    assert set(told) >= {"plan-registered", "value-stored", "effect-intended", "effect-applied"}
    assert {r["person"] for r in told.values()} == {"carol"}
    assert {r["trace"] for r in told.values()} == {trace_of(task(1))}
    assert {r["recorder"] for r in told.values()} == {REPLICA}
    plan, applied = told["plan-registered"], told["effect-applied"]
    assert plan["spiffe"] == "spiffe://public/ns/default/coordinator"
    assert plan["replica"] == "host-2:77"
    assert applied["spiffe"] == "spiffe://public/ns/default/toolbox"
    assert applied["replica"] == REPLICA


def test_the_trace_of_a_call_without_a_task_is_the_one_that_came_with_it(desk: Desk) -> None:
    desk.http.headers.update(HEADERS)

    desk.operate("close_payment_run")
    act(desk)

    assert {r["trace"] for r in records(desk)[-1:]} == {TRACE}


@pytest.mark.parametrize("sent", ["", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "x" * 55])
def test_a_malformed_trace_is_none(desk: Desk, sent: str) -> None:
    desk.http.headers["traceparent"] = sent

    act(desk)

    assert records(desk)[-1]["trace"] == ""


def test_the_bytes_on_record_are_canonical(desk: Desk) -> None:
    desk.pay(task(1), invoice())

    found: Any = desk.operate("export_audit")["records"]

    assert all(canonical(json.loads(r["record"])) == r["record"].encode() for r in found)


def test_what_a_model_was_asked_can_be_read_again(desk: Desk) -> None:
    asked: Fields = {
        "messages": [{"role": "system", "content": "Settle."}, {"role": "user", "content": "1"}],
        "tools": [],
        "response_schema": None,
        "turn": 0,
    }
    said: Any = asked["messages"]
    more = asked | {"messages": [*said, {"role": "assistant", "content": "2"}], "turn": 1}

    for prompt in (asked, more):
        sent = settlement(task(1), invoice(), "specialist.settle-invoice")
        sent |= {"asked": prompt, "arguments_digest": digest(prompt)}
        desk.answer(sent)

    named = [r["body"]["asked"] for r in records(desk) if r["kind"] == "value-stored"]
    with desk.ledger.read() as entry:
        assert [contents.asked_of(entry.session, n) for n in named] == [asked, more]
        kept = entry.session.scalars(select(ContentRow.content)).all()
    assert sum(content == {"role": "system", "content": "Settle."} for content in kept) == 1


def test_what_was_asked_is_what_was_digested(desk: Desk) -> None:
    sent = settlement(task(1), invoice()) | {"asked": {"document": "another"}}

    refused = desk.post("/callers/reader/settle", sent, 422)

    assert refused["title"] == "DigestMismatch"


def test_the_arguments_of_a_read_tool_are_on_record(desk: Desk) -> None:
    match = desk.matched(task(1), invoice())

    last = records(desk, task=task(1))[-1]["body"]

    assert last["value"] == match.removeprefix("$")
    with desk.ledger.read() as entry:
        asked: Any = contents.asked_of(entry.session, last["asked"])
    assert list(asked) == ["invoice"]


def test_an_act_is_recorded_once_for_its_id(desk: Desk) -> None:
    assert act(desk) == {"new": True}
    assert act(desk) == {"new": False}
    assert act(desk, "critic") == {"new": True}

    told = [(r["actor"], r["body"]) for r in records(desk) if r["kind"] == "event-refused"]

    assert told == [("coordinator", {"why": "forged"}), ("critic", {"why": "forged"})]


@pytest.mark.parametrize("kind", ["effect-applied", "approval-decided", "plan-registered"])
def test_nobody_records_what_only_the_toolbox_can_know(desk: Desk, kind: str) -> None:
    assert act(desk, status=403, kind=kind)["title"] == "NotYourAct"


def test_the_person_behind_a_task_is_known_before_its_plan(desk: Desk) -> None:
    accepted: Fields = {"requester": "carol", "goal": "Pay."}
    act(desk, kind="task-accepted", task=task(1), body=accepted)
    act(desk, "critic", kind="task-accepted", task=task(2), body={"requester": "mallory"})
    for number in (1, 2):
        desk.answer(settlement(task(number), invoice(), "planner.draft"))

    people = [r["person"] for r in records(desk) if r["kind"] == "value-stored"]

    assert people == ["carol", ""]


def test_the_tree_grows_with_the_records_and_proves_it(desk: Desk) -> None:
    before = root(desk)
    desk.pay(task(1), invoice())

    grown = growth(desk, before.size)

    found: Any = desk.operate("export_audit", {"after": before.size})["records"]
    assert grown.leaves == b"".join(leaf(r["record"].encode()) for r in found)
    assert (grown.size, grown.root) == (root(desk).size, root(desk).root)
    assert consistent(
        before.size,
        grown.size,
        bytes.fromhex(before.root),
        bytes.fromhex(grown.root),
        [bytes.fromhex(step) for step in grown.proof],
    )
    everything: Any = desk.operate("export_audit", {"limit": 5000})["records"]
    tree = Tree()
    for one in everything:
        tree.grow(leaf(one["record"].encode()))
    assert tree.root().hex() == grown.root


def test_a_long_growth_comes_in_pages(desk: Desk) -> None:
    for number in range(20):
        act(desk, id=f"a-{number}")
    whole = growth(desk, 0)

    with desk.ledger.read() as entry:
        first = sequence.growth(entry.session, 0, 7)

    assert (first.size, first.head) == (7, whole.head)
    assert whole.leaves.startswith(first.leaves)


def test_nothing_grows_from_more_records_than_there_are(desk: Desk) -> None:
    answer = desk.http.get(f"/callers/coordinator/audit/growth/{root(desk).size + 1}")

    assert answer.status_code == 404
    assert answer.json()["title"] == "AuditShorter"


def test_a_lost_node_is_told(desk: Desk) -> None:
    desk.pay(task(1), invoice())
    with desk.ledger.write() as entry:
        entry.session.execute(delete(AuditNodeRow))

    answer = desk.http.get("/callers/coordinator/audit/growth/2")

    assert answer.json()["title"] == "AuditLost"


def test_many_writers_at_once_make_one_sequence(desk: Desk) -> None:
    writers = [Thread(target=act, args=(desk,), kwargs={"id": f"w-{n}"}) for n in range(16)]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert desk.problems() == ()
    assert sum(r["kind"] == "event-refused" for r in records(desk)) == 16


def test_the_checker_sees_a_record_whose_digest_was_made_to_fit(desk: Desk) -> None:
    desk.pay(task(1), invoice())
    forged = canonical({"at": "", "actor": "toolbox", "kind": "test", "task": None, "body": {}})

    with desk.ledger.write() as entry:
        change = update(AuditRow).where(AuditRow.sequence == 2)
        entry.session.execute(change.values(record=forged, digest=digest(forged)))

    assert any("not what the tree was grown from" in says for says in desk.problems())


def test_the_leaves_travel_as_base64(desk: Desk) -> None:
    answer = desk.http.get("/callers/coordinator/audit/growth/0").json()

    assert len(base64.b64decode(answer["leaves"])) == 32 * answer["size"]


def test_records_of_the_first_release_get_their_tree(tmp_path: Path) -> None:
    ledger_url = f"sqlite:///{tmp_path / 'first.db'}"
    config = Config()
    folder = HERE / "migrations"
    config.set_main_option("script_location", str(folder))
    config.attributes["url"] = ledger_url
    command.upgrade(config, "toolbox_0001")
    engine = connect(ledger_url)
    old = [canonical({"kind": "old", "number": n}) for n in range(11)]
    insert = text(
        "INSERT INTO audit (sequence, at, actor, kind, record, digest) "
        "VALUES (:n, '2026-01-01 00:00:00', 'toolbox', 'old', :record, :digest)"
    )
    with engine.begin() as connection:
        for number, record in enumerate(old, 1):
            values = {"n": number, "record": record, "digest": digest(record)}
            connection.execute(insert, values)
        connection.execute(text("UPDATE audit_head SET sequence = 11"))
    engine.dispose()

    with opened(ledger_url, tmp_path) as desk:
        grown = growth(desk, 0)

    assert grown.leaves.startswith(b"".join(leaf(record) for record in old))
    assert grown.size > len(old)
