"""Intake: each fault of an event by name, who asks, once for each event, and lost schedules."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import KeySetSerialization, OKPKey
from pydantic import BaseModel

from quartet.contracts.base import Fields
from quartet.contracts.document import Upload
from quartet.contracts.event import type_of
from quartet.contracts.person import Person
from quartet.contracts.task import Document, Task
from quartet.resilience.failures import Abandon, Failing, RetryLater
from quartet.testing.signing import keyring, signer
from quartet.trust.digest import digest, task_id
from quartet.trust.signing import sign
from quartet.trust.submitters import attested
from services.coordinator.intake import Intake, unwrapped
from services.coordinator.messages import RUN_TASK, Start, instance_of
from services.coordinator.tables import TaskRow
from tests.unit.coordinator_desk import DIGEST, PACK, Desk, desk

KEY = OKPKey.generate_key("Ed25519", parameters={"kid": "k1"})
FOREIGN = OKPKey.generate_key("Ed25519", parameters={"kid": "k1"})
PUBLIC = {k: str(v) for k, v in KEY.as_dict(private=False).items()} | {"requester": "ada"}
KEYS: KeySetSerialization = {"keys": [PUBLIC]}  # type: ignore[list-item]
DATA: Fields = {"pack": "payables", "goal": "Pay.", "documents": [{"digest": DIGEST}]}
EVENT: Fields = {
    "specversion": "1.0",
    "id": "event-1",
    "source": "/test",
    "type": type_of("task-submitted"),
    "datacontenttype": "application/json",
    "data": DATA,
}
ID = task_id("/test", "event-1")


@dataclass(frozen=True)
class Door:
    """An intake with the desk behind it."""

    desk: Desk
    intake: Intake

    def take(self, event: Any) -> str | None:
        return self.intake.take(event if isinstance(event, bytes) else json.dumps(event).encode())

    def refusal(self, event: Any) -> Failing:
        with pytest.raises(Failing) as refused:
            self.take(event)
        return refused.value

    def task(self) -> Task:
        with self.desk.store.reading() as session:
            return Task.model_validate(session.get_one(TaskRow, ID).task)

    def count(self) -> int:
        with self.desk.store.reading() as session:
            return session.query(TaskRow).count()


@pytest.fixture
def door(tmp_path: Path) -> Door:
    at = desk(tmp_path)
    at.peers.answers["reader", "documents"] = _stored
    return Door(
        at, Intake(PACK, at.store, at.peers, lambda: KEYS, at.engine.schedule, keyring(tmp_path))
    )


def _stored(sent: BaseModel | None) -> Document:
    assert isinstance(sent, Upload)
    return Document(digest=digest(sent.content), name=sent.name, size=len(sent.content))


def without(name: str) -> Fields:
    return {k: v for k, v in EVENT.items() if k != name}


def data(**changed: Any) -> Fields:
    return EVENT | {"data": DATA | changed}


def test_an_event_becomes_a_scheduled_task(door: Door) -> None:
    taken = door.take(EVENT)

    assert taken == ID
    assert door.task().documents == (Document(digest=DIGEST),)
    ((name, instance, start),) = door.desk.engine.scheduled
    assert isinstance(start, Start)
    assert (name, instance, start.task) == (RUN_TASK.name, instance_of(start), ID)


def test_the_same_event_again_is_known(door: Door) -> None:
    door.take(EVENT)

    assert door.take(EVENT) is None
    assert (door.count(), len(door.desk.engine.scheduled)) == (1, 1)


def test_an_event_id_with_another_content_is_refused(door: Door) -> None:
    door.take(EVENT)

    assert door.refusal(data(goal="Pay me.")).failure.title == "EventIdReused"
    assert door.refusal(signed()).failure.title == "EventIdReused"
    assert door.task().goal == "Pay."


def test_a_schedule_that_got_no_answer_is_left_to_the_sweep(door: Door) -> None:
    def away(name: str, instance: str, start: Start) -> None:
        raise RetryLater(f"{name} {instance} {start.run}", cause="network")

    intake = replace(door.intake, schedule=away)

    assert intake.take(json.dumps(EVENT).encode()) == ID
    assert door.count() == 1


def test_an_inline_document_is_stored_before_the_task_is_accepted(door: Door) -> None:
    content = base64.b64encode(b"<Invoice/>").decode()

    door.take(data(documents=[], inline=[{"content": content, "name": "a.xml"}]))

    assert door.task().documents == (Document(digest=digest(b"<Invoice/>"), name="a.xml", size=10),)


def test_while_the_reader_is_away_nothing_is_accepted_and_nothing_lost(door: Door) -> None:
    door.desk.peers.failures.append(RetryLater("away", cause="network"))
    inline = data(documents=[], inline=[{"content": "PEludm9pY2UvPg=="}])

    assert door.refusal(inline).failure.advice == "retry-later"
    assert door.count() == 0
    assert door.take(inline) == ID


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no JSON object"),
        (b'"text"', "no JSON object"),
        (json.dumps(EVENT).encode().replace(b'"Pay."', b"NaN"), "NaN is no JSON number"),
        (without("id"), "id is missing"),
        (without("source"), "source is missing"),
        (without("type"), "type is missing"),
        (without("specversion"), "specversion is missing"),
        (without("data"), "data is missing"),
        (EVENT | {"id": ""}, "id is missing"),
        (EVENT | {"id": 7}, "id is no text"),
        (EVENT | {"source": ["x"]}, "source is no text"),
        (EVENT | {"type": "com.example.other.v1"}, "type is 'com.example.other.v1'"),
        (EVENT | {"type": 1}, "type is no text"),
        (EVENT | {"specversion": "0.3"}, "specversion is '0.3'"),
        (EVENT | {"datacontenttype": "text/xml"}, "datacontenttype is 'text/xml'"),
        (EVENT | {"signature": 5}, "signature is no text"),
        (EVENT | {"id": "x" * 501}, "longer than 500"),
        (EVENT | {"source": "/a\u0000b"}, "control characters"),
        (EVENT | {"source": "/a\ud800"}, "no JSON in Unicode"),
        (data(**{"\ud800": 1}), "no JSON in Unicode"),
        (EVENT | {"data": "text"}, "data: "),
        (data(goal=""), "goal: "),
        (data(goal="Pay\0."), "goal: it has the control character U+0000"),
        (data(documents=[{"digest": DIGEST, "name": "a\x1b"}]), "documents.0.name: it has the"),
        (data(pack="No Such"), "pack: "),
        (data(documents=[{"digest": "md5:1"}]), "documents.0.digest: "),
        (data(inline=[{"content": "no base64!"}]), "inline.0.content: "),
        (data(extra=1), "extra: "),
        (data(limits={"deadline_s": 0}), "limits.deadline_s: "),
        (json.dumps(data(limits={"attempts": 7})).encode().replace(b"7", b"1e999"), "attempts: "),
        (data(batch="a b"), "batch: "),
    ],
)
def test_a_malformed_event_is_refused_by_what_is_wrong(door: Door, event: Any, says: str) -> None:
    failure = door.refusal(event).failure

    assert (failure.title, failure.cause, failure.advice) == ("MalformedEvent", "data", "abandon")
    assert says in failure.detail
    assert "Send a CloudEvents 1.0 event" in failure.detail
    assert door.count() == 0


@pytest.mark.parametrize(
    ("event", "title"),
    [
        (data(pack="refunds"), "UnknownPack"),
        (data(documents=[]), "EmptyInbox"),
        (data(documents=[{"digest": DIGEST}] * 2), "TooManyDocuments"),
    ],
)
def test_a_request_that_the_pack_can_not_take_is_refused(
    door: Door, event: Fields, title: str
) -> None:
    assert door.refusal(event).failure.title == title
    assert door.count() == 0


@pytest.mark.parametrize("kind", [type_of("task-submitted"), "com.dapr.event.sent"])
@pytest.mark.parametrize("media", ["application/json", "application/json; charset=utf-8"])
def test_events_wrapped_by_a_sidecar_are_taken(door: Door, kind: str, media: str) -> None:
    assert door.take(EVENT | {"type": kind, "datacontenttype": media, "pubsubname": "x"}) == ID


def signed(key: OKPKey = KEY, **changed: Any) -> Fields:
    return EVENT | {"signature": sign(EVENT, key)} | changed


def test_a_signed_event_runs_as_its_requester_and_an_unsigned_one_as_anonymous(door: Door) -> None:
    door.take(signed())
    assert door.task().requester == "ada"

    other = EVENT | {"id": "event-2"}
    door.take(other)
    with door.desk.store.reading() as session:
        row = session.get_one(TaskRow, task_id("/test", "event-2"))
    assert row.requester == "anonymous"


def _none() -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').decode().rstrip("=")
    return f"{header}.{sign(EVENT, KEY).split('.')[1]}."


def test_an_attested_event_runs_as_its_person_with_tenant_and_roles(door: Door) -> None:
    ada = Person(name="ada", tenant="acme", roles=("submitter",), groups=("finance",))

    door.take(attested(EVENT, ada, signer("console").sign))

    task = door.task()
    assert (task.requester, task.tenant, task.roles) == ("ada", "acme", ("submitter",))
    with door.desk.store.reading() as session:
        assert session.get_one(TaskRow, ID).tenant == "acme"


def test_a_task_that_a_person_submits_anonymously_is_nobody_s_and_keeps_who_asked(
    door: Door,
) -> None:
    ada = Person(name="ada", tenant="acme", roles=("submitter",))

    door.take(attested(EVENT, ada, signer("console").sign, anonymous=True))

    task = door.task()
    assert (task.requester, task.tenant, task.roles) == ("anonymous", "default", ())
    assert door.desk.store.asked_by(ID) == "ada"


def test_of_an_unsigned_event_from_the_broker_nobody_knows_who_asked(door: Door) -> None:
    door.take(EVENT | {"asked_by": "ada"})

    assert door.desk.store.asked_by(ID) == ""


def test_forged_attributes_of_a_person_count_for_nothing(door: Door) -> None:
    door.take(EVENT | {"requester": "ada", "tenant": "acme", "roles": "admin", "person": "ada"})

    task = door.task()
    assert (task.requester, task.tenant, task.roles) == ("anonymous", "default", ())


def test_a_forged_attestation_is_refused_and_never_runs_as_anonymous(door: Door) -> None:
    ada = Person(name="ada", roles=("submitter",))

    for event in (
        EVENT | {"attestation": "forged"},
        attested(EVENT, ada, signer("critic").sign),
        attested(EVENT | {"id": "other"}, ada, signer("console").sign) | {"id": EVENT["id"]},
    ):
        assert door.refusal(event).failure.title == "NotGenuine"

    assert door.count() == 0


@pytest.mark.parametrize(
    "forged",
    [
        lambda: signed(FOREIGN),
        lambda: signed(data=DATA | {"goal": "Pay me."}),
        lambda: signed(id="event-2"),
        lambda: EVENT | {"signature": "x"},
        lambda: EVENT | {"signature": ""},
        lambda: EVENT | {"signature": "WyJhbGciXQ.."},
        lambda: EVENT | {"signature": "eyJhbGciOiJFZDI1NTE5IiwiY3JpdCI6MX0.."},
        lambda: EVENT | {"signature": _none()},
    ],
)
def test_a_forged_signature_is_refused_and_never_runs_as_anonymous(
    door: Door, forged: Callable[[], Fields]
) -> None:
    failure = door.refusal(forged()).failure

    assert (failure.title, failure.cause) == ("NotGenuine", "policy")
    assert "Sign it with a client key" in failure.detail
    assert door.count() == 0


def test_a_raw_entry_is_unwrapped_as_it_was_written() -> None:
    raw = b"\x00anything\xff"

    assert unwrapped({"data_base64": base64.b64encode(raw).decode()}) == raw


@pytest.mark.parametrize("delivered", [{}, {"data_base64": None}, {"data_base64": "é"}])
def test_what_is_no_raw_entry_is_refused(delivered: dict[str, Any]) -> None:
    with pytest.raises(Abandon) as refused:
        unwrapped(delivered)

    assert refused.value.failure.title == "MalformedEvent"
