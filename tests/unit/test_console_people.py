"""The console's API: who comes in, with which role; who hears what; no foreign page acts."""

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from quartet.contracts.person import Person, Role
from quartet.contracts.view import Owner
from quartet.service.settings import Settings
from quartet.sidecar.client import Sidecar
from quartet.testing.people import bearer
from quartet.testing.signing import keyring, signer
from quartet.trust.submitters import NOBODY, submitter
from services.console.app import build
from services.console.feed import Feed
from services.console.notices.outbox import Outbox
from services.console.notices.posting import Posting
from services.console.shown import Shown
from tests.unit.notices_desk import migrated

ROUTES: dict[tuple[str, str], tuple[Role, ...]] = {
    ("POST", "/api/documents"): ("submitter",),
    ("POST", "/api/tasks"): ("submitter",),
    ("GET", "/api/tasks"): ("submitter", "approver", "operator", "auditor"),
    ("GET", "/api/tasks/t-7"): ("submitter", "approver", "operator", "auditor"),
    ("POST", "/api/tasks/t-7/cancel"): ("submitter", "approver", "operator", "auditor"),
    ("GET", "/api/dead-letters"): ("operator",),
    ("POST", "/api/dead-letters/7/replay"): ("operator",),
    ("GET", "/api/canaries"): ("operator", "auditor"),
    ("POST", "/api/canaries/specialist-finance-canary"): ("operator",),
    ("POST", "/api/operations/close_payment_run"): ("operator", "auditor"),
    ("GET", "/api/events"): ("submitter", "approver", "operator", "auditor"),
}
ROLES: tuple[Role, ...] = ("submitter", "approver", "operator", "auditor")
EVERY = [(method, path, role) for method, path in ROUTES for role in ROLES]


class Calls(Sidecar):
    """A sidecar that answers each call with what its test wants, over its own transport."""

    def __init__(self) -> None:
        super().__init__("console", 1, signer=signer("console"))
        self.sent: list[httpx.Request] = []
        self._http = httpx.Client(
            base_url="http://sidecar", transport=httpx.MockTransport(self._answer)
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        empty = {"tasks": [], "letters": [], "owners": {}, "says": "done"}
        return httpx.Response(200, json=empty)


@pytest.fixture
def sidecar() -> Calls:
    return Calls()


@pytest.fixture
def http(tmp_path: Path, sidecar: Calls) -> Iterator[TestClient]:
    settings = Settings("console", 1, 1, 1, tmp_path, app_token="t")
    engine = migrated(tmp_path)
    posting = Posting(Outbox(engine), tmp_path, no_secret)
    with TestClient(build(settings, sidecar, posting), raise_server_exceptions=False) as client:
        yield client
    engine.dispose()


def no_secret(name: str) -> str:
    raise AssertionError(f"nobody is told, and {name} is asked for")


def signed_in(folder: Path, *roles: Role) -> dict[str, str]:
    return {"authorization": f"Bearer {bearer(folder, Person(name='someone', roles=roles))}"}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_comes_in_without_a_bearer_token(
    http: TestClient, tmp_path: Path, method: str, path: str
) -> None:
    token = bearer(tmp_path, "admin")
    for value in ("", "Bearer", "Bearer ", f"Basic {token}", token, f"bearer {token}", "Bearer x"):
        answer = http.request(method, path, headers={"authorization": value})

        assert answer.status_code == 401, value
        assert answer.json()["title"] == "NotSignedIn"
    assert http.request(method, path).status_code == 401
    twice = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
    assert http.request(method, path, headers=twice).status_code == 401


@pytest.mark.parametrize(("method", "path", "role"), EVERY, ids=str)
def test_each_route_takes_its_roles_and_no_others(
    http: TestClient, tmp_path: Path, method: str, path: str, role: Role
) -> None:
    answer = http.request(method, path, json={}, headers=signed_in(tmp_path, role))

    assert (answer.status_code == 403) == (role not in ROUTES[method, path]), answer.text


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_who_has_no_role_comes_in_nowhere(
    http: TestClient, tmp_path: Path, method: str, path: str
) -> None:
    answer = http.request(method, path, json={}, headers=signed_in(tmp_path))

    assert answer.status_code == 403
    assert answer.json()["title"] == "NotAllowed"


def test_the_person_s_own_token_goes_on_to_the_service_behind(
    http: TestClient, sidecar: Calls, tmp_path: Path
) -> None:
    headers = signed_in(tmp_path, "operator")

    http.get("/api/dead-letters", headers=headers)

    (sent,) = sidecar.sent
    assert sent.headers["Person-Token"] == headers["authorization"].removeprefix("Bearer ")


def test_a_form_on_a_foreign_page_can_not_act(
    http: TestClient, sidecar: Calls, tmp_path: Path
) -> None:
    """What a browser sends for a form: cookies and no more; and a form's own media types."""
    token = bearer(tmp_path, "admin")
    cookies = f"authorization=Bearer {token}; Person-Token={token}; token={token}"
    for media in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"):
        foreign = {"cookie": cookies, "origin": "https://evil.example", "content-type": media}
        for path in ("/api/tasks/t-7/cancel", "/api/operations/x", "/api/dead-letters/7/replay"):
            body = f'{{"why": "x", "authorization": "Bearer {token}"}}'
            answer = http.post(path, content=body, headers=foreign)
            assert answer.status_code == 401

            asked = http.post(f"{path}?access_token={token}", content=body, headers=foreign)
            assert asked.status_code == 401

    assert sidecar.sent == []
    assert "set-cookie" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


ONE, TWO, NINE = ("t-" + digit * 24 for digit in "129")
OWNERS = {
    ONE: Owner(tenant="acme", requester="ada"),
    TWO: Owner(tenant="acme", requester="bea"),
}
ADA = Person(name="ada", tenant="acme", roles=("submitter",))


def shown(asked: list[tuple[str, ...]] | None = None) -> tuple[Feed, Shown]:
    feed = Feed()

    def ask(tasks: tuple[str, ...]) -> Mapping[str, Owner]:
        (asked if asked is not None else []).append(tasks)
        return {task: OWNERS[task] for task in tasks if task in OWNERS}

    return feed, Shown(feed, ask)


def heard(task: str) -> dict[str, Any]:
    return {"type": "t", "source": "/coordinator", "data": {"task": task}}


def test_a_submitter_hears_of_the_own_tasks_only() -> None:
    feed, to = shown()
    odd: list[dict[str, Any]] = [{"data": "odd"}, {"data": {"task": "t-1"}}]
    for event in [heard(ONE), heard(TWO), heard(NINE), *odd]:
        feed.hear(event)
    feed.hear({"data": {"order": {"task": ONE}}})

    assert [e["number"] for e in to.to(ADA, 0, 0)] == [1, 6]
    approver = Person(name="ann", tenant="acme", roles=("approver",))
    assert [e["number"] for e in to.to(approver, 0, 0)] == [1, 2, 6]
    assert to.to(Person(name="ada", tenant="other", roles=("operator",)), 0, 0) == []


def test_whose_a_task_is_is_asked_once() -> None:
    asked: list[tuple[str, ...]] = []
    feed, to = shown(asked)
    feed.hear(heard(ONE))
    feed.hear(heard(TWO))

    to.to(ADA, 0, 0)
    to.to(ADA, 0, 0)

    assert asked == [(ONE, TWO)]


def test_news_of_others_wakes_nobody() -> None:
    feed, to = shown()
    got: list[Any] = []
    waiting = threading.Thread(target=lambda: got.extend(to.to(ADA, 0, 20)))
    waiting.start()

    feed.hear(heard(TWO))
    feed.hear(heard(ONE))
    waiting.join(timeout=20)

    assert [e["number"] for e in got] == [2]


def submission(**more: Any) -> dict[str, Any]:
    document = {"digest": "sha256:" + "a" * 64}
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "/test",
        "type": "quartet.task.submitted.v1",
        "data": {"pack": "payables", "goal": "Pay.", "documents": [document]},
    } | more


def published(sidecar: Calls) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sidecar.sent[-1].content)
    return found


def test_what_a_person_submits_unsigned_is_attested_for_the_person(
    http: TestClient, sidecar: Calls, tmp_path: Path
) -> None:
    forged = submission(attestation="forged", requester="ada")

    answer = http.post("/api/tasks", json=forged, headers=signed_in(tmp_path, "submitter"))

    assert answer.status_code == 202
    who, asked_by = submitter(published(sidecar), {"keys": []}, keyring(tmp_path))
    assert (who.name, who.tenant, who.roles) == ("someone", "default", ("submitter",))
    assert asked_by == ""


def test_what_shall_be_anonymous_is_attested_to_be_nobody_s_and_by_whom_it_was_asked_for(
    http: TestClient, sidecar: Calls, tmp_path: Path
) -> None:
    headers = signed_in(tmp_path, "submitter")

    http.post("/api/tasks?anonymous=true", json=submission(attestation="x"), headers=headers)

    told = submitter(published(sidecar), {"keys": []}, keyring(tmp_path))
    assert told == (NOBODY, "someone")


def test_what_a_client_signed_is_not_attested(
    http: TestClient, sidecar: Calls, tmp_path: Path
) -> None:
    headers = signed_in(tmp_path, "submitter")

    http.post("/api/tasks", json=submission(signature="s", attestation="x"), headers=headers)
    assert "attestation" not in published(sidecar)
    assert published(sidecar)["signature"] == "s"
