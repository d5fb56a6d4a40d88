"""Bad events, documents and commits: each gets an answer that names what and what to do."""

import json
from collections.abc import Callable
from uuid import uuid4

import pytest

from packs.payables.payment_run import Entries
from quartet.contracts.base import Fields, Json
from quartet.contracts.document import MAX_DOCUMENT
from quartet.contracts.task import Document
from quartet.contracts.view import TaskView
from quartet.runtime.redis import connect
from tests.runtime.shared.test_broker import id_of, others_are_through
from tests.suite.client import TOPIC, Client
from tests.suite.invoices import clean_invoice, outcome
from tests.suite.running import Running

pytestmark = pytest.mark.runtime
NOWHERE = Document(digest=f"sha256:{'0' * 64}")
MISSING = object()


def with_(**changed: object) -> Callable[[Fields], Fields]:
    """Return a change of an event's attributes; MISSING takes one out."""

    def change(event: Fields) -> Fields:
        both: dict[str, object] = {**event, **changed}
        return json.loads(json.dumps({k: v for k, v in both.items() if v is not MISSING}))  # type: ignore[no-any-return]

    return change


def asking(**changed: object) -> Callable[[Fields], Fields]:
    """Return a change of what an event asks for."""

    def change(event: Fields) -> Fields:
        data = event["data"]
        assert isinstance(data, dict)
        return event | {"data": with_(**changed)(data)}

    return change


MALFORMED: dict[str, tuple[Callable[[Fields], Fields], str]] = {
    "no-id": (with_(id=MISSING), "id is missing"),
    "empty-id": (with_(id=""), "id is missing"),
    "id-a-number": (with_(id=7), "id is no text"),
    "id-too-long": (with_(id="x" * 501), "longer than 500"),
    "no-source": (with_(source=MISSING), "source is missing"),
    "source-a-list": (with_(source=["/tests"]), "source is no text"),
    "no-specversion": (with_(specversion=MISSING), "specversion is missing"),
    "old-specversion": (with_(specversion="0.3"), "specversion is '0.3', not '1.0'"),
    "no-type": (with_(type=MISSING), "type is missing"),
    "other-type": (with_(type="quartet.task.completed.v1"), "type is 'quartet.task.completed.v1'"),
    "no-data": (with_(data=MISSING), "data is missing"),
    "data-a-text": (with_(data="pay"), "data: "),
    "data-a-list": (with_(data=[]), "data: "),
    "other-media-type": (with_(datacontenttype="text/xml"), "datacontenttype is 'text/xml'"),
    "signature-a-number": (with_(signature=1), "signature is no text"),
    "no-pack": (asking(pack=MISSING), "pack: Field required"),
    "no-goal": (asking(goal=MISSING), "goal: Field required"),
    "empty-goal": (asking(goal=""), "goal: "),
    "unknown-field": (asking(requester="cfo"), "requester: Extra inputs are not permitted"),
    "digest-that-is-none": (asking(documents=[{"digest": "sha256:12"}]), "documents.0.digest"),
    "too-many-documents": (asking(documents=[{"digest": "x"}] * 101), "documents"),
    "no-base64": (asking(documents=[], inline=[{"content": "?"}]), "inline.0.content"),
    "deadline-of-nothing": (asking(limits={"deadline_s": 0}), "limits.deadline_s"),
    "deadline-without-end": (asking(limits={"deadline_s": 10**9}), "limits.deadline_s"),
    "batch-with-a-blank": (asking(batch="a b"), "batch"),
}
malformed = pytest.mark.parametrize(("change", "says"), MALFORMED.values(), ids=list(MALFORMED))


@malformed
def test_a_malformed_event_on_the_stream_is_a_dead_letter_with_its_reason(
    client: Client, change: Callable[[Fields], Fields], says: str
) -> None:
    mark = str(uuid4())

    client.add_to_stream(change(client.event(NOWHERE)) | {"subject": mark})

    letter = client.dead_letter(mark).letter
    assert letter.topic == TOPIC
    assert letter.reason.title == "MalformedEvent"
    assert says in letter.reason.detail
    assert "Send a CloudEvents 1.0 event" in letter.reason.detail


@malformed
def test_a_malformed_event_at_the_console_is_a_problem_and_is_not_published(
    client: Client, change: Callable[[Fields], Fields], says: str
) -> None:
    mark = str(uuid4())

    answer = client.http.post("/tasks", json=change(client.event(NOWHERE)) | {"subject": mark})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "MalformedEvent"
    assert says in answer.json()["detail"]
    assert not [d for d in client.dead_letters() if mark in d.letter.body]


GARBAGE: dict[str, Callable[[bytes], bytes]] = {
    "text": lambda mark: b"pay the invoice " + mark,
    "binary": lambda mark: b"\xff\xfe\x00" + mark + b"\x00\x80",
    "cut-off": lambda mark: b'{"id": "' + mark,
    "array": lambda mark: b'["' + mark + b'"]',
    "a-number-that-is-none": lambda mark: b'{"id": "' + mark + b'", "data": {"x": NaN}}',
    "deeply-nested": lambda mark: b'{"id": "' + mark + b'", "data": ' + b"[" * 50_000,
    "two-documents": lambda mark: b'{"id": "' + mark + b'"}{}',
    "a-lone-surrogate": lambda mark: b'{"id": "\\ud800' + mark + b'"}',
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_on_the_stream_is_a_dead_letter_with_its_reason(
    client: Client, garbage: Callable[[bytes], bytes]
) -> None:
    mark = str(uuid4())

    client.add_to_stream(garbage(mark.encode()))

    letter = client.dead_letter(mark).letter
    assert letter.reason.title == "MalformedEvent"
    assert "Send a CloudEvents 1.0 event" in letter.reason.detail


def test_a_stream_entry_without_data_disturbs_nobody(running: Running, client: Client) -> None:
    user = connect(running.data, "client")

    user.xadd(TOPIC, {"something": "else"})
    user.xadd(TOPIC, {"data": ""})

    user.close()
    others_are_through(client)


REFUSED: dict[str, tuple[Callable[[Fields], Fields], str, str]] = {
    "unknown-pack": (asking(pack="refunds"), "UnknownPack", "runs pack 'payables', not 'refunds'"),
    "empty-inbox": (asking(documents=[]), "EmptyInbox", "takes one document; 0 came"),
    "two-documents": (
        asking(documents=[{"digest": NOWHERE.digest}] * 2),
        "TooManyDocuments",
        "Submit one task for each document",
    ),
}
refused = pytest.mark.parametrize(("change", "title", "says"), REFUSED.values(), ids=list(REFUSED))


@refused
def test_what_the_pack_cannot_take_is_refused_on_the_stream_and_at_the_console(
    client: Client, change: Callable[[Fields], Fields], title: str, says: str
) -> None:
    event = client.signed(change(client.event(NOWHERE)))

    answer = client.http.post("/tasks", json=event)
    client.add_to_stream(event)

    letter = client.dead_letter(str(event["id"])).letter
    assert (answer.status_code, answer.json()["title"], letter.reason.title) == (400, title, title)
    assert says in answer.json()["detail"]
    assert says in letter.reason.detail
    assert client.http.get(f"/tasks/{id_of(event)}").status_code == 404


def failed(client: Client, event: Fields) -> TaskView:
    view = client.settled(client.submit(client.signed(event)))
    assert view.state == "failed"
    return view


def test_a_document_that_nobody_uploaded_fails_the_task_and_is_named(client: Client) -> None:
    view = failed(client, client.event(NOWHERE))

    assert view.failure is not None
    assert view.failure.cause == "data"
    assert NOWHERE.digest[:20] in view.failure.detail


@pytest.mark.parametrize(
    "content",
    [b"\x00\x01\x02", b"Dear sir, please pay.", b"<a/>", b"%PDF-1.7 broken", b"PK\x03\x04"],
    ids=["bytes", "letter", "other-xml", "broken-pdf", "zip"],
)
def test_a_document_that_is_no_invoice_fails_the_task_with_its_reason(
    client: Client, content: bytes
) -> None:
    view = failed(client, client.event(client.upload(content)))

    assert view.failure is not None
    assert (view.failure.cause, view.failure.advice) == ("data", "abandon")
    assert view.failure.title == "SubtaskUnreadable"
    assert len(view.failure.detail.split()) > 5, view.failure.detail


def test_a_huge_document_is_refused_with_its_limit(client: Client) -> None:
    answer = client.http.post("/documents", content=bytes(MAX_DOCUMENT + 1))
    largest = client.http.post("/documents", content=b"x" * MAX_DOCUMENT)

    assert answer.status_code == 413
    assert answer.json()["title"] == "DocumentTooLarge"
    assert str(MAX_DOCUMENT) in answer.json()["detail"]
    assert largest.status_code == 200


def test_an_empty_document_is_refused(client: Client) -> None:
    answer = client.http.post("/documents", content=b"")

    assert (answer.status_code, answer.json()["title"]) == (400, "EmptyDocument")


@pytest.mark.parametrize("megabytes", [1, 20])
def test_a_huge_event_is_a_dead_letter_and_the_next_task_is_not_held_up(
    client: Client, megabytes: int
) -> None:
    event = client.event()
    data = event["data"]
    assert isinstance(data, dict)
    inline: list[Json] = [{"content": "A" * (megabytes << 20)}]

    client.add_to_stream(event | {"data": data | {"inline": inline}})

    letter = client.dead_letter(str(event["id"])).letter
    assert letter.reason.title == "MalformedEvent"
    assert "inline.0.content" in letter.reason.detail
    others_are_through(client)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/tasks/t-7", 404), ("/tasks/%00", 400), ("/nothing", 404)],
)
def test_asking_for_what_is_not_there_says_so(client: Client, path: str, status: int) -> None:
    assert client.http.get(path).status_code == status


def test_an_operation_that_is_not_there_names_those_that_are(client: Client) -> None:
    answer = client.http.post("/operations/pay_everything", json={})

    assert (answer.status_code, answer.json()["title"]) == (404, "NoSuchOperation")
    assert "close_payment_run" in answer.json()["detail"]


def test_an_operation_s_argument_outside_its_schema_is_named(client: Client) -> None:
    answer = client.http.post("/operations/load_books", json={"company": {"name": "x"}})

    assert (answer.status_code, answer.json()["title"]) == (422, "ArgumentsRefused")
    assert "company" in answer.json()["detail"]


def test_an_effect_key_reused_with_another_payload_is_refused(
    running: Running, client: Client
) -> None:
    view = client.settled(client.pay(clean_invoice()))
    settle = view.subtasks[-1]
    assert (outcome(view), settle.verdict is not None) == ("scheduled", True)
    before = client.operate("list_payments")
    result: Fields = {
        "decision": "pay",
        "summary": "another payload",
        "proposals": [
            {
                "slot": 1,
                "tool": "schedule_payment",
                "arguments": {"match": f"${matched(view, client)}"},
            }
        ],
    }
    commit: Fields = {
        "task": view.id,
        "subtask": settle.id,
        "attempt": settle.attempt,
        "slot": 1,
        "plan": "sha256:" + "0" * 64,
        "result": result,
        "signature": "",
        "verdict": settle.verdict.model_dump(mode="json") if settle.verdict else None,
    }

    answer = running.invoke("coordinator", "toolbox", "commit", commit)

    assert answer.status_code == 422, answer.text
    assert answer.json()["title"] == "EffectKeyReused"
    assert view.id in answer.json()["detail"]
    assert Entries.model_validate(client.operate("list_payments")) == Entries.model_validate(before)
    assert client.task(view.id) == view


def matched(view: TaskView, client: Client) -> str:
    """Return the id of the value that the matching of this task gave, from the audit."""
    page = client.operate("export_audit", {"limit": 5000})
    assert isinstance(page, dict)
    records = page["records"]
    assert isinstance(records, list)
    told = [json.loads(str(one["record"])) for one in records if isinstance(one, dict)]
    return next(
        str(one["body"]["value"])
        for one in told
        if (one["task"], one["kind"], one["body"].get("tool"))
        == (view.id, "value-stored", "match_invoice")
    )
