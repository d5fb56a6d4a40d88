"""The app of a service: the app token, the matrix at its door, problem documents, health."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from quartet.contracts.failure import Problem
from quartet.contracts.plan import Slot
from quartet.packs.load import load
from quartet.resilience.failures import Abandon, Failing, RetryChanged, RetryLater, RetryNow
from quartet.service.settings import Settings
from quartet.service.web import build_app

TOKEN = {"dapr-api-token": "secret"}
FAILURES: dict[str, Failing] = {
    "now": RetryNow("Once more.", cause="model"),
    "later": RetryLater("Wait.", cause="network", after=7.0),
    "changed": RetryChanged("Change it.", cause="data"),
    "abandon": Abandon("No.", cause="policy"),
}


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def app(token: str = "secret") -> FastAPI:
    settings = Settings("coordinator", 1, 2, 3, Path("/nowhere"), app_token=token)
    built = build_app(settings, load("payables").manifest, _nothing, open_paths=("/api/",))

    @built.get("/callers/{caller}/tasks")
    def tasks(caller: str) -> str:
        return caller

    @built.get("/callers/{caller}/secrets")
    def secrets(caller: str) -> str:
        return caller

    @built.get("/api/open")
    def opened() -> str:
        return "open"

    @built.post("/events/x")
    def take(slot: Slot) -> int:
        return slot.number

    @built.get("/events/fails/{kind}")
    def fails(kind: str) -> None:
        raise FAILURES[kind]

    return built


@pytest.fixture
def http() -> Iterator[TestClient]:
    with TestClient(app(), raise_server_exceptions=False) as client:
        yield client


def told(answer: Response) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.content)
    assert problem.status == answer.status_code
    return problem


@pytest.mark.parametrize("path", ["/callers/console/tasks", "/events/x", "/openapi.json", "/no"])
@pytest.mark.parametrize("headers", [{}, {"dapr-api-token": "wrong"}, {"dapr-api-token": ""}])
def test_without_the_app_token_nobody_comes_in(
    http: TestClient, path: str, headers: dict[str, str]
) -> None:
    problem = told(http.get(path, headers=headers))

    assert (problem.status, problem.title, problem.cause) == (401, "NotSignedIn", "policy")


def test_an_app_that_was_given_no_token_lets_nobody_in() -> None:
    with TestClient(app(token="")) as http:
        for headers in ({}, {"dapr-api-token": ""}):
            assert http.get("/callers/console/tasks", headers=headers).status_code == 401
        assert http.get("/healthz").status_code == 200


def test_health_and_open_paths_want_no_token(http: TestClient) -> None:
    assert http.get("/healthz").json() == {"status": "ok", "app_id": "coordinator"}
    assert http.get("/api/open").json() == "open"


@pytest.mark.parametrize("path", ["/healthz/", "/healthz%3Fx", "/api", "/API/open", "//api/open"])
def test_what_only_looks_open_is_not(http: TestClient, path: str) -> None:
    assert http.get(path, follow_redirects=False).status_code == 401


def test_a_caller_of_the_matrix_comes_in(http: TestClient) -> None:
    assert http.get("/callers/console/tasks", headers=TOKEN).json() == "console"


@pytest.mark.parametrize(
    "path",
    [
        "/callers/critic/tasks",
        "/callers/console/secrets",
        "/callers/console/tasks/",
        "/callers/critic%3F/tasks",
        "/callers/console/tasks%3Fx",
    ],
)
def test_a_caller_or_verb_outside_the_matrix_is_denied(http: TestClient, path: str) -> None:
    problem = told(http.get(path, headers=TOKEN, follow_redirects=False))

    assert problem.status in (403, 404)


def test_an_encoded_path_is_checked_as_it_is_routed(http: TestClient) -> None:
    assert http.get("/callers/console%2Ftasks", headers=TOKEN).json() == "console"
    assert http.get("/callers/critic%2Ftasks", headers=TOKEN).status_code == 403


def test_a_verb_with_another_method_is_denied(http: TestClient) -> None:
    assert http.post("/callers/console/tasks", headers=TOKEN).status_code == 403
    assert http.head("/callers/console/tasks", headers=TOKEN).status_code == 403


@pytest.mark.parametrize(
    ("kind", "status"), [("now", 503), ("later", 503), ("changed", 422), ("abandon", 400)]
)
def test_a_failure_is_told_as_a_problem(http: TestClient, kind: str, status: int) -> None:
    answer = http.get(f"/events/fails/{kind}", headers=TOKEN)

    problem, failure = told(answer), FAILURES[kind].failure
    assert problem.status == status
    assert (problem.title, problem.detail) == (failure.title, failure.detail)
    assert (problem.cause, problem.advice) == (failure.cause, failure.advice)
    assert answer.headers.get("retry-after") == ("7" if kind == "later" else None)


def test_a_message_that_does_not_fit_names_its_faults(http: TestClient) -> None:
    problem = told(http.post("/events/x", headers=TOKEN, json={"number": 0, "extra": 1}))

    assert (problem.status, problem.title) == (422, "MessageRefused")
    for part in ("body.number", "body.tools", "body.extra", "Correct it"):
        assert part in problem.detail


def test_a_message_that_is_no_json_is_refused(http: TestClient) -> None:
    headers = TOKEN | {"content-type": "application/json"}

    assert told(http.post("/events/x", headers=headers, content="{")).status == 422


def test_an_unknown_path_and_method_are_problems_too(http: TestClient) -> None:
    assert told(http.get("/nothing", headers=TOKEN)).title == "NotFound"
    assert told(http.get("/events/x", headers=TOKEN)).title == "MethodNotAllowed"


def test_a_fault_of_the_app_is_a_problem_that_tells_no_internals(http: TestClient) -> None:
    problem = told(http.get("/events/fails/unknown", headers=TOKEN))

    assert (problem.status, problem.title, problem.advice) == (500, "InternalFault", "retry-later")
    assert "KeyError" not in problem.detail
