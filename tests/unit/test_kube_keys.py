"""The keys of a release on Kubernetes: made once, kept, rotated, published."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from quartet.runtime.errors import SetupError
from quartet.runtime.kube.api import Api, ApiAway
from quartet.runtime.kube.gate import CONTENT, Gate, checked, unreachable, wait
from quartet.runtime.kube.gate import main as gate_main
from quartet.runtime.kube.keys import ROTATE, Keys
from quartet.runtime.kube.plan import Plan
from quartet.runtime.layout import DataFolder

NOW = 1_800_000_000.0
PLAN = Plan(
    prefix="q",
    namespace="suite",
    instance="q",
    apps=("planner", "critic"),
    issuer=True,
    stores=True,
    databases=("ledger",),
)


class Server:
    """The API server's part in this: objects by path, with versions."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.answers: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.answers:
            return httpx.Response(self.answers.pop(0), json={"message": "not now"})
        path = request.url.path
        sent: Any = json.loads(request.content) if request.content else None
        if request.method == "POST":
            path = f"{path}/{sent['metadata']['name']}"
            if path in self.objects:
                return httpx.Response(409, json={"message": "already exists"})
        elif path not in self.objects:
            return httpx.Response(404, json={"message": "not found"})
        if request.method == "DELETE":
            return httpx.Response(200, json=self.objects.pop(path))
        if sent is not None:
            self.objects[path] = sent
        return httpx.Response(200, json=self.objects[path])

    def named(self, plural: str, name: str) -> dict[str, Any]:
        return self.objects[f"/api/v1/namespaces/suite/{plural}/{name}"]

    def public(self) -> dict[str, Any]:
        keys = json.loads(self.named("configmaps", "q-trust")["data"]["services.jwks.json"])["keys"]
        return {key["kid"]: key for key in keys}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Callable[..., list[str]]:
    def once(now: float = NOW, plan: Plan = PLAN) -> list[str]:
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        return Keys(plan, api_of(server), DataFolder(tmp_path / "data")).ensure(now)

    return once


def api_of(server: Server) -> Api:
    http = httpx.Client(base_url="https://api", transport=httpx.MockTransport(server))
    return Api(http)


def value(secret: dict[str, Any], key: str) -> str:
    return base64.b64decode(secret["data"][key]).decode()


def test_each_app_has_secrets_of_its_own_and_all_have_the_public_keys(
    server: Server, run: Callable[..., list[str]]
) -> None:
    run()

    names = {path.rpartition("/")[2] for path in server.objects if "/secrets/" in path}
    assert names == {
        *(f"q-{app}-{what}" for app in PLAN.apps for what in ("api", "app", "signing")),
        *("q-notices", "q-client", "q-issuer", "q-redis", "q-postgres", "q-database-ledger"),
    }
    assert set(server.named("configmaps", "q-trust")["data"]) == {
        "services.jwks.json",
        "clients.jwks.json",
        "people.jwks.json",
        "people.yaml",
    }
    assert {key["app"] for key in server.public().values()} == {"planner", "critic"}
    url = value(server.named("secrets", "q-database-ledger"), "url")
    assert url.startswith("postgresql+psycopg://quartet_ledger:")
    assert url.endswith("@q-postgres:5432/quartet_ledger")


def test_what_is_there_stays_and_only_new_public_keys_are_added(
    server: Server, run: Callable[..., list[str]]
) -> None:
    run()
    before = json.loads(json.dumps(server.objects))

    assert run() == ["the public keys are up to date"]
    assert server.objects == before

    run(NOW + 86_400)

    trust = "/api/v1/namespaces/suite/configmaps/q-trust"
    assert server.public().keys() > {
        key["kid"] for key in json.loads(before[trust]["data"]["services.jwks.json"])["keys"]
    }
    assert {p: o for p, o in server.objects.items() if p != trust} == {
        p: o for p, o in before.items() if p != trust
    }


def test_a_lost_config_map_is_made_from_the_secrets(
    server: Server, run: Callable[..., list[str]]
) -> None:
    run()
    people = server.named("configmaps", "q-trust")["data"]["people.jwks.json"]
    keys = server.public()
    del server.objects["/api/v1/namespaces/suite/configmaps/q-trust"]

    run()

    assert server.public() == keys
    assert server.named("configmaps", "q-trust")["data"]["people.jwks.json"] == people


@pytest.mark.parametrize(("how", "revoked"), [("now", False), ("leaked", True)])
def test_a_marked_seed_is_rotated_once(
    server: Server, run: Callable[..., list[str]], how: str, *, revoked: bool
) -> None:
    run()
    secret = server.named("secrets", "q-planner-signing")
    seed, others = value(secret, "seed"), server.named("secrets", "q-critic-signing")
    secret["metadata"]["annotations"] = {ROTATE: how}

    run(NOW + 60)

    secret = server.named("secrets", "q-planner-signing")
    assert value(secret, "seed") != seed
    assert secret["metadata"]["annotations"] == {}
    assert server.named("secrets", "q-critic-signing") == others
    ended = [key for key in server.public().values() if key["exp"] == int(NOW + 60)]
    assert [(key["app"], key.get("revoked", False)) for key in ended] == [("planner", revoked)]
    assert run(NOW + 61) == ["the public keys are up to date"]


def test_a_secret_without_its_key_is_named(server: Server, run: Callable[..., list[str]]) -> None:
    run()
    server.named("secrets", "q-planner-signing")["data"] = {}

    with pytest.raises(SetupError, match="Secret q-planner-signing has no 'seed'"):
        run()


def test_a_word_that_is_no_way_to_rotate_is_refused(
    server: Server, run: Callable[..., list[str]]
) -> None:
    run()
    server.named("secrets", "q-planner-signing")["metadata"]["annotations"] = {ROTATE: "soon"}

    with pytest.raises(SetupError, match="say now or leaked"):
        run()


def test_a_server_that_is_away_is_told_apart_from_one_that_refuses(server: Server) -> None:
    server.answers = [503, 429, 403]
    api = api_of(server)

    for _ in range(2):
        with pytest.raises(ApiAway):
            api.get("/x")
    with pytest.raises(SetupError, match="not now") as refused:
        api.get("/x")
    assert not isinstance(refused.value, ApiAway)


def test_all_that_was_made_is_removed(
    server: Server, run: Callable[..., list[str]], tmp_path: Path
) -> None:
    run()

    Keys(PLAN, api_of(server), DataFolder(tmp_path / "other")).remove()

    assert server.objects == {}


def test_what_somebody_else_made_is_neither_overwritten_nor_removed(
    server: Server, run: Callable[..., list[str]], tmp_path: Path
) -> None:
    run()
    theirs = server.named("secrets", "q-planner-api")
    del theirs["metadata"]["labels"]
    server.named("configmaps", "q-trust")["data"]["webhooks.jwks.json"] = '{"keys": []}'

    run(NOW + 86_400)
    assert server.named("configmaps", "q-trust")["data"]["webhooks.jwks.json"] == '{"keys": []}'

    Keys(PLAN, api_of(server), DataFolder(tmp_path / "other")).remove()
    assert list(server.objects.values()) == [theirs]


def test_the_gate_wants_each_resource_of_its_own_release(server: Server) -> None:
    gate = Gate(namespace="suite", content="new", resources=("components/a", "components/b"))
    base = "/apis/dapr.io/v1alpha1/namespaces/suite/components"
    server.objects[f"{base}/a"] = {"metadata": {"annotations": {CONTENT: "new"}}}
    server.objects[f"{base}/b"] = {"metadata": {"annotations": {CONTENT: "old"}}}

    assert gate.lacking(api_of(server)) == ["components/b"]

    server.objects[f"{base}/b"]["metadata"]["annotations"][CONTENT] = "new"
    assert gate.lacking(api_of(server)) == []


def test_waiting_ends_with_what_is_still_lacking() -> None:
    answers = iter(["a", ""])
    wait(lambda: next(answers), "do it", within_s=5)

    with pytest.raises(SetupError, match=r"still: a\. To do: do it"):
        wait(lambda: "a", "do it", within_s=0)


def test_a_database_that_is_away_is_told_without_its_password() -> None:
    url = checked("QUARTET_LEDGER_URL", "postgresql+psycopg://me:hidden@127.0.0.1:1/mine")

    says = unreachable(url)
    assert "127.0.0.1" in says
    assert "hidden" not in says


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "QUARTET_LEDGER_URL has to be postgresql+psycopg://"),
        ("postgres://me:hidden@db/mine", "has to be postgresql+psycopg://"),
        ("postgresql://me:hidden@db/mine", "has to be postgresql+psycopg://"),
        ("sqlite:///x", "has to be postgresql+psycopg://"),
        ("postgresql+psycopg://me:hid@den@db/mine", "percent-encoded"),
        ("postgresql+psycopg://me:hidden@db", "cannot be taken apart"),
    ],
)
def test_a_url_that_no_service_could_use_is_refused_without_a_part_of_it(
    url: str, says: str
) -> None:
    with pytest.raises(SetupError) as refused:
        checked("QUARTET_LEDGER_URL", url)

    assert says in str(refused.value)
    assert "hid" not in str(refused.value)
    assert "den" not in str(refused.value)


def test_a_pod_that_was_made_without_a_sidecar_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTET_INJECTED", "")

    with pytest.raises(SystemExit, match="delete the pod"):
        gate_main()
