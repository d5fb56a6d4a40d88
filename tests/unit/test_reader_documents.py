import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from quartet.contracts.base import Json
from quartet.contracts.document import MAX_DOCUMENT, Upload
from quartet.contracts.effect import ToolAnswer
from quartet.packs.load import load
from quartet.resilience.failures import RetryChanged, RetryLater
from quartet.service.database import connect
from quartet.service.settings import Settings
from quartet.testing.asking import TASK
from quartet.testing.settling import SettlingToolbox
from quartet.testing.signing import keyring
from quartet.trust.digest import digest
from services.reader.app import build, function_of
from services.reader.limited import Limited
from services.reader.store import (
    Documents,
    DocumentTooLarge,
    EmptyDocument,
    UnknownDocument,
    open_documents,
)
from tests.unit.signing_client import SigningClient

PACK = load("payables")
SAMPLE = next((PACK.folder / "samples").glob("*.xml")).read_bytes()
TOKEN = {"dapr-api-token": "app"}
READ = "/callers/specialist-documents/tools/read_einvoice"


def upload(content: bytes, name: str = "a.xml") -> Upload:
    return Upload(content=base64.b64encode(content), media_type="application/xml", name=name)


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[Documents]:
    found = open_documents(f"sqlite:///{tmp_path}/documents.db")
    yield found
    found.close()


@pytest.fixture(scope="module")
def limited() -> Iterator[Limited]:
    with Limited([function_of(t) for t in PACK.of_kind("untrusted-read").values()]) as running:
        yield running


@contextmanager
def serving(
    documents: Documents, limited: Limited, toolbox: SettlingToolbox, data: Path
) -> Iterator[SigningClient]:
    settings = Settings("reader", 1, 2, 3, data, app_token="app")
    keyring(data)
    with SigningClient(build(settings, PACK, documents, limited, toolbox)) as client:
        client.headers.update(TOKEN)
        yield client


def call(document: str, **more: Json) -> dict[str, Json]:
    arguments: Json = {"document": document, **more}
    return {"task": TASK, "subtask": "read", "attempt": 1, "arguments": arguments}


def test_a_document_is_kept_once_under_its_digest_whatever_its_name(documents: Documents) -> None:
    first = documents.put(upload(SAMPLE))
    again = documents.put(upload(SAMPLE, name="b.xml"))

    assert first.digest == again.digest == digest(SAMPLE)
    assert (first.size, first.name, again.name) == (len(SAMPLE), "a.xml", "b.xml")
    assert documents.content(first.digest) == SAMPLE


def test_the_same_bytes_uploaded_at_once_are_kept_once(documents: Documents) -> None:
    with ThreadPoolExecutor(8) as threads:
        kept = list(threads.map(lambda _: documents.put(upload(SAMPLE)), range(16)))

    assert {d.digest for d in kept} == {digest(SAMPLE)}


def test_documents_are_there_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/documents.db"
    before = open_documents(url)
    found = before.put(upload(SAMPLE)).digest
    before.close()

    after = open_documents(url)

    assert after.content(found) == SAMPLE
    after.close()


def test_an_empty_document_and_a_huge_one_are_refused_clearly(documents: Documents) -> None:
    with pytest.raises(EmptyDocument, match=r"'a\.xml' is empty"):
        documents.put(upload(b""))
    with pytest.raises(DocumentTooLarge, match=str(MAX_DOCUMENT)):
        documents.put(upload(b"x" * (MAX_DOCUMENT + 1)))
    assert documents.put(upload(b"x" * MAX_DOCUMENT)).size == MAX_DOCUMENT


def test_a_digest_that_was_never_uploaded_is_named(documents: Documents) -> None:
    with pytest.raises(UnknownDocument, match=digest(b"nothing")):
        documents.content(digest(b"nothing"))


def test_a_database_that_is_away_is_asked_again_later(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/nothing/documents.db")
    away = Documents(engine)

    with pytest.raises(RetryLater):
        away.content(digest(SAMPLE))
    away.close()


def test_documents_are_kept_on_either_database(database_url: str) -> None:
    found = open_documents(database_url)

    kept = found.put(upload(SAMPLE))
    with ThreadPoolExecutor(4) as threads:
        again = list(threads.map(lambda _: found.put(upload(b"<other/>")), range(8)))

    assert found.put(upload(SAMPLE)).digest == kept.digest
    assert found.content(kept.digest) == SAMPLE
    assert {d.digest for d in again} == {digest(b"<other/>")}
    found.close()


def test_the_service_reads_a_document_in_its_limited_process_and_settles_the_result(
    documents: Documents, limited: Limited, tmp_path: Path
) -> None:
    toolbox = SettlingToolbox()
    with serving(documents, limited, toolbox, tmp_path) as client:
        sent = upload(SAMPLE).model_dump(mode="json")
        kept = client.post("/callers/console/documents", json=sent).json()

        got = client.post(READ, json=call(kept["digest"]))

    answer = ToolAnswer.model_validate_json(got.content)
    (settled,) = toolbox.settled
    assert isinstance(answer.result, dict)
    assert answer.result["kind"] in ("invoice", "credit-note")
    assert settled.value == answer.result
    assert (settled.caller, settled.tool) == ("specialist-documents", "read_einvoice")
    assert settled.arguments_digest == digest({"document": kept["digest"]})


def test_the_reservation_names_the_document_before_it_is_opened(
    documents: Documents, limited: Limited, tmp_path: Path
) -> None:
    toolbox = SettlingToolbox()
    found = documents.put(upload(SAMPLE)).digest

    with serving(documents, limited, toolbox, tmp_path) as client:
        client.post(READ, json=call(found))

    (reserved,) = toolbox.reserved
    assert reserved.asked == {"document": found}
    assert reserved.arguments_digest == digest(reserved.asked)


@pytest.mark.parametrize("stored", [True, False])
def test_a_document_that_the_toolbox_refuses_is_not_even_looked_up(
    documents: Documents, limited: Limited, tmp_path: Path, *, stored: bool
) -> None:
    refusal = RetryChanged("another task's", cause="policy", title="NotItsDocument")
    toolbox = SettlingToolbox(failure=refusal)
    opened: list[str] = []

    class Watched(Documents):
        def content(self, wanted: str) -> bytes:
            opened.append(wanted)
            return super().content(wanted)

    engine = connect(f"sqlite:///{tmp_path}/documents.db")
    watched = Watched(engine)
    found = documents.put(upload(SAMPLE)).digest if stored else digest(b"never uploaded")

    with serving(watched, limited, toolbox, tmp_path) as client:
        got = client.post(READ, json=call(found))

    assert (got.status_code, got.json()["title"]) == (422, "NotItsDocument")
    assert opened == []


def test_a_document_that_cannot_be_read_is_a_422_with_its_reason(
    documents: Documents, limited: Limited, tmp_path: Path
) -> None:
    toolbox = SettlingToolbox()
    found = documents.put(upload(b"<Invoice><open></Invoice>")).digest

    with serving(documents, limited, toolbox, tmp_path) as client:
        got = client.post(READ, json=call(found))

    problem = got.json()
    assert got.status_code == 422
    assert (problem["title"], problem["cause"]) == ("UnreadableDocument", "data")
    assert problem["advice"] == "abandon"
    assert toolbox.settled == []


def test_every_bad_request_gets_a_problem_that_names_what_is_wrong(
    documents: Documents, limited: Limited, tmp_path: Path
) -> None:
    empty = upload(b"").model_dump(mode="json")
    huge = upload(b"x" * (MAX_DOCUMENT + 1)).model_dump(mode="json")
    with serving(documents, limited, SettlingToolbox(), tmp_path) as client:
        got = [
            client.post("/callers/console/documents", json=empty),
            client.post("/callers/console/documents", json=huge),
            client.post("/callers/console/documents", json={"content": "no base64!"}),
            client.post("/callers/specialist-finance/documents", json=empty),
            client.post(READ, json=call(digest(b"never uploaded"))),
            client.post(READ, json=call("sha256:short")),
            client.post(READ, json=call(digest(b""), password="x")),
            client.post(READ.replace("einvoice", "fortune"), json=call(digest(b""))),
            client.post(READ.replace("documents", "finance"), json=call(digest(b""))),
            client.post(READ, json=call(digest(b"")), headers={"dapr-api-token": "other"}),
        ]

    assert [g.status_code for g in got] == [422, 413, 422, 403, 404, 422, 422, 404, 403, 401]
    titles = [g.json()["title"] for g in got]
    assert titles[:3] == ["EmptyDocument", "DocumentTooLarge", "MessageRefused"]
    assert titles[4:8] == ["UnknownDocument", "ArgumentsRefused", "ArgumentsRefused", "UnknownTool"]


def test_without_the_toolbox_a_reading_is_tried_again_later(
    documents: Documents, limited: Limited, tmp_path: Path
) -> None:
    away = SettlingToolbox(failure=RetryLater("away", cause="network", after=2.0))
    found = documents.put(upload(SAMPLE)).digest

    with serving(documents, limited, away, tmp_path) as client:
        got = client.post(READ, json=call(found))

    assert (got.status_code, got.headers["retry-after"]) == (503, "2")
