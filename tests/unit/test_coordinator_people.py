"""The coordinator's verbs for people: whose token, which role, which tasks are shown to whom."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from quartet.contracts.base import Json
from quartet.contracts.person import Person, Role
from quartet.contracts.task import Task
from quartet.service.settings import Settings
from quartet.testing.people import passed_on
from quartet.testing.ports import Outbox, Peers
from quartet.testing.signing import signer
from services.coordinator.app import Coordinator, build
from tests.seeds import named

APP = {"dapr-api-token": "t"}
TASKS = {
    "t-" + "1" * 24: ("ada", "acme"),
    "t-" + "2" * 24: ("bea", "acme"),
    "t-" + "3" * 24: ("ada", "other"),
    "t-" + "4" * 24: ("local-client", "default"),
}
ADA, BEA, OTHER, LOCAL = TASKS
UNKNOWN = "t-" + "9" * 24


def unsigned(statement: Json, typ: str) -> str:
    """Stand for a signer where nothing is signed."""
    raise AssertionError(f"{typ}: {statement}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("coordinator")


@pytest.fixture(scope="module")
def http(folder: Path) -> Iterator[TestClient]:
    settings = Settings("coordinator", 1, 1, 1, folder, app_token="t")
    coordinator = Coordinator(settings, Peers(), Outbox(), signer("coordinator"))
    for number, (name, (requester, tenant)) in enumerate(TASKS.items()):
        task = Task(
            id=name,
            pack="payables",
            goal="Pay.",
            requester=requester,
            tenant=tenant,
            documents=(),
        )
        coordinator.store.accept(task, "/test", str(number), "a" * 16)
    yield TestClient(build(coordinator), headers=APP, raise_server_exceptions=False)
    coordinator.workflows.close()


def person(name: str, tenant: str, *roles: Role) -> Person:
    return Person(name=name, tenant=tenant, roles=roles)


SEEN = [
    (person("ada", "acme", "submitter"), {ADA}),
    (person("bea", "acme", "submitter"), {BEA}),
    (person("ada", "other", "submitter"), {OTHER}),
    (person("ada", "acme"), set[str]()),
    (person("ann", "acme", "approver"), {ADA, BEA}),
    (person("olaf", "acme", "operator"), {ADA, BEA}),
    (person("aud", "acme", "auditor"), {ADA, BEA}),
    (person("olaf", "default", "operator"), {LOCAL}),
    (person("local-client", "acme", "submitter"), set[str]()),
    (person("root", "nowhere", "admin"), set(TASKS)),
]


@pytest.mark.parametrize(("who", "seen"), SEEN, ids=named)
def test_each_person_sees_the_own_tasks_and_no_others(
    http: TestClient, folder: Path, who: Person, seen: set[str]
) -> None:
    headers = passed_on(folder, who)

    listed = http.get("/callers/console/tasks", headers=headers).json()["tasks"]
    shown = {
        name
        for name in (*TASKS, UNKNOWN)
        if http.get(f"/callers/console/tasks/{name}", headers=headers).status_code == 200
    }

    assert {task["id"] for task in listed} == seen
    assert shown == seen


def test_another_s_task_is_as_unknown_as_one_that_is_not_there(
    http: TestClient, folder: Path
) -> None:
    headers = passed_on(folder, person("ada", "acme", "submitter"))

    answers = [
        http.get(f"/callers/console/tasks/{name}", headers=headers)
        for name in (BEA, OTHER, UNKNOWN)
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert (
        len(
            {
                answer.text.replace(n, "")
                for answer, n in zip(answers, (BEA, OTHER, UNKNOWN), strict=True)
            }
        )
        == 1
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "tasks"),
        ("GET", f"tasks/{ADA}"),
        ("POST", f"tasks/{ADA}/cancel"),
        ("GET", "dead-letters"),
        ("POST", "dead-letters/7/replay"),
        ("GET", "canaries"),
        ("POST", "canaries/specialist-finance-canary"),
        ("GET", "audit"),
        ("POST", "audit/attest"),
        ("GET", "audit/checkpoints/0"),
        ("POST", "audit/acknowledge"),
    ],
)
def test_a_console_alone_does_nothing_for_nobody(
    http: TestClient, folder: Path, method: str, path: str
) -> None:
    token = passed_on(folder, "admin")["Person-Token"]
    for headers in (
        {},
        {"Person-Token": ""},
        {"Person-Token": f"{token}x"},
        {"Person-Token": f"Bearer {token}"},
    ):
        answer = http.request(method, f"/callers/console/{path}", json={}, headers=headers)

        assert answer.status_code == 401
        assert answer.json()["title"] == "NotSignedIn"


def test_two_tokens_sign_nobody_in(http: TestClient, folder: Path) -> None:
    token = passed_on(folder, "admin")["Person-Token"]
    twice = [("Person-Token", token), ("Person-Token", token)]

    assert http.get("/callers/console/tasks", headers=twice).status_code == 401


CANCELS = [
    (person("ada", "acme", "submitter"), BEA, 404),
    (person("ann", "acme", "approver"), ADA, 403),
    (person("aud", "acme", "auditor"), ADA, 403),
    (person("olaf", "other", "operator"), ADA, 404),
    (person("ada", "acme", "submitter"), ADA, 200),
    (person("olaf", "acme", "operator"), BEA, 200),
]


@pytest.mark.parametrize(("who", "task", "status"), CANCELS, ids=lambda x: str(x)[:40])
def test_a_task_is_cancelled_by_its_submitter_or_an_operator(
    http: TestClient, folder: Path, who: Person, task: str, status: int
) -> None:
    path = f"/callers/console/tasks/{task}/cancel"

    answer = http.post(path, json={"why": "a test"}, headers=passed_on(folder, who))

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("who", "status"),
    [
        (person("olaf", "default", "operator"), 200),
        (person("root", "acme", "admin"), 200),
        (person("olaf", "acme", "operator"), 403),
        (person("sam", "default", "submitter", "approver", "auditor"), 403),
    ],
    ids=lambda x: str(x)[:40],
)
def test_dead_letters_are_for_operators_of_the_suite(
    http: TestClient, folder: Path, who: Person, status: int
) -> None:
    answer = http.get("/callers/console/dead-letters", headers=passed_on(folder, who))

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("who", "sees", "steers"),
    [
        (person("olaf", "default", "operator"), 200, 404),  # let in: there is no such canary
        (person("root", "acme", "admin"), 200, 404),
        (person("aud", "default", "auditor"), 200, 403),
        (person("olaf", "acme", "operator"), 403, 403),
        (person("sam", "default", "submitter", "approver"), 403, 403),
    ],
    ids=lambda x: str(x)[:40],
)
def test_canaries_are_steered_by_operators_of_the_suite_and_seen_by_its_auditors(
    http: TestClient, folder: Path, who: Person, sees: int, steers: int
) -> None:
    headers, path = passed_on(folder, who), "/callers/console/canaries"

    assert http.get(path, headers=headers).status_code == sees
    answer = http.post(f"{path}/lost-canary", json={"percent": 5}, headers=headers)
    assert answer.status_code == steers, answer.text


@pytest.mark.parametrize("percent", [-1, 101, 2.5, "many", None])
def test_a_share_is_so_many_of_a_hundred(http: TestClient, folder: Path, percent: object) -> None:
    headers = passed_on(folder, person("olaf", "default", "operator"))

    answer = http.post(
        "/callers/console/canaries/lost-canary", json={"percent": percent}, headers=headers
    )

    assert (answer.status_code, answer.json()["title"]) == (422, "MessageRefused")
