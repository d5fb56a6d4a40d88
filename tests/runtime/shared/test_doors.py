"""Every door of the running suite from its wrong side: app ports, sidecars, topics, console."""

from collections.abc import Iterator
from http.client import HTTPConnection

import grpc
import httpx
import pytest
from dapr.proto import api_service_v1, api_v1

from quartet.contracts.event import TOPICS
from quartet.contracts.matrix import VERBS, Verb, resolve
from quartet.contracts.task import TaskState
from quartet.runtime import issuer
from quartet.runtime.layout import HOST, App
from quartet.runtime.shape import shape_of
from tests.suite.client import PACK, Client, app
from tests.suite.running import Running

pytestmark = pytest.mark.runtime
SHAPE = shape_of(PACK)
APPS = tuple(one for one in SHAPE.apps if one.has_app)
MATRIX = resolve(VERBS, SHAPE.specialists, SHAPE.readers)
BEARER = "authorization"
each_app = pytest.mark.parametrize("one", APPS, ids=[one.app_id for one in APPS])


def send(port: int, method: str, path: str, **headers: str) -> tuple[int, str]:
    """Send a request whose path goes out exactly as written; return status and body."""
    connection = HTTPConnection(HOST, port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = "{}" if method == "POST" else None
    connection.request(method, path, body, {"content-type": "application/json"} | named)
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, text


def paths(one: App) -> Iterator[tuple[str, str]]:
    """Yield method and path of the verbs of an app, and what its sidecar alone asks for."""
    yield "GET", "/dapr/subscribe"
    yield "GET", "/dapr/config"
    yield "POST", "/events/task-submitted"
    yield "POST", "/job/payment-run-cut-off"
    for verb in MATRIX:
        if verb.callee == one.app_id:
            yield verb.method, f"/callers/{verb.callers[0]}/{verb.path.replace('*', 'some-7')}"


@each_app
def test_an_app_port_answers_nobody_without_the_app_s_token(running: Running, one: App) -> None:
    token = running.data.app_token(one.app_id).read_text().strip()
    other = running.data.app_token("console" if one.app_id != "console" else "critic").read_text()

    for method, path in paths(one):
        assert send(one.app_port, method, path)[0] == 401, path
        assert send(one.app_port, method, path, dapr_api_token="wrong")[0] == 401, path
        assert send(one.app_port, method, path, dapr_api_token=other.strip())[0] == 401, path
        # Who comes in may lack a person's token, or a step's, further on.
        said = send(one.app_port, method, path, dapr_api_token=token)[1]
        assert "own sidecar may call this port" not in said, path


@each_app
def test_an_app_s_health_is_open_and_tells_no_secret(running: Running, one: App) -> None:
    del running

    status, body = send(one.app_port, "GET", "/healthz")

    assert status == 200
    assert body == f'{{"status":"ok","app_id":"{one.app_id}"}}'


@each_app
def test_an_app_port_listens_on_loopback_and_shows_no_api_pages(running: Running, one: App) -> None:
    token = running.data.app_token(one.app_id).read_text().strip()

    for path in ("/docs", "/redoc"):
        assert send(one.app_port, "GET", path, dapr_api_token=token)[0] == 404


@each_app
def test_a_sidecar_answers_nobody_without_its_token(running: Running, one: App) -> None:
    other = running.data.api_token("console" if one.app_id != "console" else "critic").read_text()

    for path in (
        "/v1.0/metadata",
        "/v1.0/state/conversations/some-key",
        "/v1.0/secrets/secretstore/REDIS_PASSWORD",
        "/v1.0/invoke/toolbox/method/callers/coordinator/commit",
        "/v1.0/workflows/dapr/t-7",
    ):
        assert send(one.http_port, "GET", path)[0] == 401, path
        assert send(one.http_port, "GET", path, dapr_api_token=other.strip())[0] == 401, path


@each_app
def test_a_sidecar_s_grpc_port_answers_nobody_without_its_token(running: Running, one: App) -> None:
    del running
    with grpc.insecure_channel(f"{HOST}:{one.grpc_port}") as channel:
        sidecar = api_service_v1.DaprStub(channel)

        with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
            sidecar.GetMetadata(api_v1.GetMetadataRequest(), timeout=10)


def invoke(running: Running, caller: str, callee: str, method: str, path: str) -> tuple[int, str]:
    """Call another app through both sidecars; the path stands after `method`, as written."""
    one = app(caller)
    url = f"/v1.0/invoke/{callee}/method{path}"
    return send(one.http_port, method, url, **token_of(running, one))


def token_of(running: Running, one: App) -> dict[str, str]:
    """Return the header that opens a sidecar; the client's needs none."""
    if not one.has_app:
        return {}
    return {"dapr_api_token": running.data.api_token(one.app_id).read_text().strip()}


def refusal(caller: str) -> int:
    """Return how a call is refused: who calls nobody has no such API in his own sidecar."""
    return 403 if any(caller in verb.callers for verb in MATRIX) else 404


def wrong_callers(verb: Verb) -> Iterator[str]:
    yield from (a.app_id for a in APPS if a.app_id not in (*verb.callers, verb.callee))


@pytest.mark.parametrize("verb", MATRIX, ids=[f"{v.callee}:{v.path}" for v in MATRIX])
def test_nobody_else_reaches_a_verb_under_his_own_name_or_another(
    running: Running, verb: Verb
) -> None:
    path = verb.path.replace("*", "some-7")
    for caller in wrong_callers(verb):
        for name in (caller, *verb.callers):
            status, body = invoke(
                running, caller, verb.callee, verb.method, f"/callers/{name}/{path}"
            )

            assert status == refusal(caller), (caller, name, body)


DETOURS = (
    "//callers/coordinator/commit",
    "/callers//coordinator/commit",
    "/callers/coordinator//commit",
    "/Callers/coordinator/commit",
    "/callers/Coordinator/commit",
    "/callers/coordinator/COMMIT",
    "/callers/coordinator/commit/",
    "/callers/coordinator/commit/.",
    "/callers/critic/../coordinator/commit",
    "/callers/critic/tools/../../coordinator/commit",
    "/callers/critic/tools/%2e%2e/%2e%2e/coordinator/commit",
    "/callers/critic/tools/..%2f..%2fcoordinator%2fcommit",
    "/callers/critic/tools/%252e%252e/%252e%252e/coordinator/commit",
    "/callers/critic/tools/x%2f..%2f..%2f..%2fcoordinator%2fcommit",
    "/callers/critic/tools/x;/../../../coordinator/commit",
    "/callers/critic/tools/x%3f/../../../coordinator/commit",
    "/callers/critic/tools/x%00/../../../coordinator/commit",
    "/callers/critic/tools/..\\..\\coordinator\\commit",
    "/./callers/coordinator/commit",
    "/callers/./coordinator/commit",
    "/%63allers/coordinator/commit",
    "/callers/%63oordinator/commit",
    "/callers/coordinator/commit?x=/callers/critic/tools/x",
    "/callers/coordinator/commit%3fx",
)


@pytest.mark.parametrize("path", DETOURS)
def test_no_spelling_of_a_path_brings_the_critic_to_commit(running: Running, path: str) -> None:
    _, rightful = invoke(running, "coordinator", "toolbox", "POST", "/callers/coordinator/commit")
    assert LOOKED_AT in rightful

    status, body = invoke(running, "critic", "toolbox", "POST", path)

    assert status >= 400, body
    assert LOOKED_AT not in body


LOOKED_AT = "body.verdict: Field required"
"""What the toolbox says of an empty commit, and of nothing else."""


@pytest.mark.parametrize("path", ["/events/subtask-reviewed", "/events/task-submitted", "/healthz"])
def test_no_app_reaches_another_s_subscriptions(running: Running, path: str) -> None:
    for caller in ("critic", "specialist-finance", "console", "models"):
        assert invoke(running, caller, "coordinator", "POST", path)[0] == 403


def test_the_console_s_api_is_not_reached_from_inside(running: Running) -> None:
    for caller in ("critic", "specialist-documents", "coordinator"):
        assert invoke(running, caller, "console", "GET", "/api/tasks")[0] == 403


MAY_SAY: dict[str, set[str]] = {
    "task-submitted": {"console", "coordinator", "client"},
    "task-planned": {"coordinator"},
    "subtask-completed": {"coordinator"},
    "subtask-reviewed": {"critic"},
    "approval-requested": {"toolbox"},
    "approval-decided": {"toolbox"},
    "task-completed": {"coordinator"},
    "task-failed": {"coordinator"},
    "task-cancelled": {"coordinator"},
}


def test_every_topic_has_those_who_may_say_it() -> None:
    assert set(MAY_SAY) == set(TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_publishing_on_somebody_else_s_topic_is_refused(running: Running, topic: str) -> None:
    for one in SHAPE.apps:
        if one.app_id in MAY_SAY[topic]:
            continue
        path = f"/v1.0/publish/pubsub/{topic}"

        status, body = send(one.http_port, "POST", path, **token_of(running, one))

        assert status in (403, 404), (one.app_id, body)


def test_the_client_s_sidecar_starts_no_workflow_and_reads_nothing(running: Running) -> None:
    del running
    client = app("client")
    start = b"\x0a\x03t-7\x12\x08run_task"  # instance t-7 of workflow run_task, as protobuf

    with grpc.insecure_channel(f"{HOST}:{client.grpc_port}") as channel:
        ask = channel.unary_unary("/TaskHubSidecarService/StartInstance")
        with pytest.raises(grpc.RpcError):
            ask(start, timeout=3)

    for path in (
        "/v1.0/invoke/toolbox/method/callers/coordinator/commit",
        "/v1.0/invoke/console/method/api/tasks",
        "/v1.0/state/conversations",
        "/v1.0/state/statestore",
        "/v1.0/workflows/dapr/run_task/start",
        "/v1.0-alpha1/bulk/publish/pubsub/task-completed",
    ):
        assert send(client.http_port, "POST", path)[0] in (403, 404, 405), path


API = (
    ("POST", "/api/documents"),
    ("POST", "/api/tasks"),
    ("GET", "/api/tasks"),
    ("GET", "/api/tasks/t-7"),
    ("POST", "/api/tasks/t-7/cancel"),
    ("GET", "/api/dead-letters"),
    ("POST", "/api/dead-letters/7/replay"),
    ("GET", "/api/canaries"),
    ("POST", "/api/canaries/specialist-finance-canary"),
    ("POST", "/api/operations/close_payment_run"),
    ("GET", "/api/events"),
)


@pytest.mark.parametrize(("method", "path"), API, ids=[f"{m} {p}" for m, p in API])
def test_the_console_answers_nobody_without_its_bearer_token(
    running: Running, client: Client, method: str, path: str
) -> None:
    token = issuer.token(running.data)
    app_token = running.data.app_token("console").read_text().strip()
    for headers in (
        {},
        {BEARER: "Bearer "},
        {BEARER: "Bearer wrong"},
        {BEARER: token},
        {BEARER: f"Basic {token}"},
        {BEARER: f"Bearer {token}x"},
        {BEARER: "Bearer \u00e9"},
        {"dapr_api_token": app_token},
    ):
        status, body = send(app("console").app_port, method, path, **headers)

        assert status == 401, (headers, body)
        assert "NotSignedIn" in body

    answer = httpx.get(f"http://{HOST}:{app('console').app_port}/api/tasks", trust_env=False)
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.http.get("/tasks").status_code == 200


@pytest.mark.parametrize("state", ["completed", "failed"])
def test_the_console_s_filter_is_data_and_no_query(client: Client, state: TaskState) -> None:
    for spelled in (f"{state}' OR '1'='1", f"{state}&batch=x", "../tasks"):
        answer = client.http.get("/tasks", params={"state": spelled})

        assert answer.json() == {"tasks": []}
