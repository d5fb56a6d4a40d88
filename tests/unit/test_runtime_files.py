"""Ports, arguments, secrets and the generated files: what can be checked without a process."""

import re
import socket
import stat
from pathlib import Path

import pytest
import yaml

from quartet.contracts.event import TOPICS
from quartet.contracts.matrix import VERBS, Verb, resolve
from quartet.contracts.traffic import TRAFFIC
from quartet.runtime import build, gobuild, layout
from quartet.runtime.access import policies
from quartet.runtime.components import components
from quartet.runtime.daprd import sidecar_arguments, sidecar_environment
from quartet.runtime.errors import SetupError
from quartet.runtime.launch import service_command, service_environment
from quartet.runtime.machine import require_free_ports
from quartet.runtime.manifests import out_of_date, write
from quartet.runtime.redis import behind, write_configuration
from quartet.runtime.runfile import run_file
from quartet.runtime.secret_files import make_secrets, write_secret
from tests.suite.here import SHAPE

APP_KEYS = frozenset(
    re.findall(
        r"\w+",
        """appID appChannelAddress appPort daprHTTPPort daprGRPCPort profilePort command metricsPort
        unixDomainSocket daprInternalGRPCPort configFilePath appProtocol apiListenAddresses
        enableProfiling logLevel appMaxConcurrency placementHostAddress resourcesPath
        resourcesPaths appSSL maxBodySize readBufferSize enableAppHealthCheck appHealthCheckPath
        appHealthProbeInterval appHealthProbeTimeout appHealthThreshold enableApiLogging
        runtimePath env daprdLogDestination appLogDestination schedulerHostAddress appDirPath""",
    )
)


def prepared(folder: Path) -> layout.DataFolder:
    data = layout.DataFolder(folder)
    make_secrets(data, [app.app_id for app in SHAPE.apps])
    data.sentry.mkdir()
    data.runtime.mkdir()
    data.trust_anchors.write_text("-----BEGIN CERTIFICATE-----")
    for app in SHAPE.apps:
        write_secret(data.sentry_token(app.app_id), "a token")
    return data


def test_every_port_is_pinned_below_the_range_that_the_kernel_hands_out() -> None:
    ports = [*layout.CONTROL_PORTS.values()]
    ports += [port for app in SHAPE.apps for port in app.ports.values()]

    assert max(ports) < 32768
    assert len(ports) == len(set(ports))


def test_a_busy_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(SetupError, match=f"Port {port} .redis. is in use.*own-network"):
            require_free_ports({"redis": port})


def test_the_generated_files_are_those_of_the_pack_and_the_matrix() -> None:
    assert out_of_date(SHAPE) == []


def test_a_changed_a_missing_and_a_strange_file_are_found_and_put_right(tmp_path: Path) -> None:
    write(SHAPE, tmp_path)
    (tmp_path / "dapr.yaml").write_text("version: 1\n")
    (tmp_path / "config" / "planner.yaml").unlink()
    (tmp_path / "components" / "stranger.yaml").write_text("kind: Component\n")

    found = {str(path) for path in out_of_date(SHAPE, tmp_path)}

    assert found == {"dapr.yaml", "config/planner.yaml", "components/stranger.yaml"}
    write(SHAPE, tmp_path)
    assert out_of_date(SHAPE, tmp_path) == []


def test_the_run_file_holds_only_keys_that_the_cli_reads() -> None:
    written = run_file(SHAPE, env={"planner": {"A": "b"}})

    assert set(written) == {"version", "name", "common", "apps"}
    assert set(written["common"]) <= APP_KEYS - {"appID", "appPort", "command", "appDirPath"}
    assert all(set(entry) <= APP_KEYS for entry in written["apps"])


def test_each_app_is_granted_its_own_verbs_and_no_other() -> None:
    verbs = resolve(VERBS, SHAPE.specialists, SHAPE.readers)

    for callee in {verb.callee for verb in verbs}:
        for policy in policies(callee, verbs):
            own = f"/callers/{policy['appId']}/"
            assert policy["defaultAction"] == "deny"
            assert all(operation["name"].startswith(own) for operation in policy["operations"])


def test_a_path_below_another_shares_its_rule_because_dapr_stops_at_the_first_match() -> None:
    verbs = (
        Verb("coordinator", "POST", "tasks/*/cancel", ("console",)),
        Verb("coordinator", "GET", "tasks", ("console",)),
        Verb("toolbox", "GET", "values/*/*", ("console",)),
    )

    (rules,) = policies("coordinator", verbs)
    (values,) = policies("toolbox", verbs)

    assert [(one["name"], one["httpVerb"]) for one in rules["operations"]] == [
        ("/callers/console/tasks", ["GET", "POST"])
    ]
    assert values["operations"][0]["name"] == "/callers/console/values/**/*"


def test_every_topic_has_its_publishers_and_listeners() -> None:
    assert set(TRAFFIC) == set(TOPICS)
    assert all(traffic.publishers and traffic.listeners for traffic in TRAFFIC.values())


def test_the_client_may_publish_on_task_submitted_only() -> None:
    metadata = components(SHAPE)["pubsub.yaml"]["spec"]["metadata"]
    values = {one["name"]: one.get("value") for one in metadata}

    assert "client=task-submitted;" in values["publishingScopes"]
    assert "client" not in values["subscriptionScopes"]
    assert set(values["protectedTopics"].split(",")) == set(values["allowedTopics"].split(","))


def test_only_workflow_apps_see_the_actor_state_store() -> None:
    files = components(SHAPE)

    assert files["statestore.yaml"]["scopes"] == sorted(SHAPE.workflow_apps)
    assert files["verdicts.yaml"]["scopes"] == ["critic"]


def test_no_generated_file_holds_a_password() -> None:
    for document in components(SHAPE).values():
        text = yaml.safe_dump(document)
        assert "redisPassword" not in text or "secretKeyRef" in text


def test_secrets_are_readable_by_their_owner_only_and_stay_the_same(tmp_path: Path) -> None:
    data = prepared(tmp_path)
    write_configuration_into(data)
    secret = [p for p in tmp_path.rglob("*") if p.is_file() and p != data.trust_anchors]
    before = {path: path.read_text() for path in secret}

    make_secrets(data, [app.app_id for app in SHAPE.apps])

    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    assert {path: path.read_text() for path in secret} == before
    assert data.client_key in before
    assert not data.api_token("client").exists()


def write_configuration_into(data: layout.DataFolder) -> None:
    text = write_configuration(data).read_text()
    assert data.redis_password("sidecar").read_text() not in text


def test_the_sidecar_gets_sentry_s_real_port_and_its_own_tokens(tmp_path: Path) -> None:
    data = prepared(tmp_path)

    arguments = sidecar_arguments(["--app-id", "planner", "--sentry-address", "localhost:50001"])
    env = sidecar_environment(data, "planner", {"PATH": "/bin", "SECRET": "of the user"})

    assert "localhost:50001" not in arguments
    assert arguments[arguments.index("--sentry-address") + 1] == "127.0.0.1:7601"
    assert env["DAPR_API_TOKEN"] == data.api_token("planner").read_text()
    assert env["APP_API_TOKEN"] == data.app_token("planner").read_text()
    assert env["DAPR_SENTRY_TOKEN_FILE"] == str(data.sentry_token("planner"))
    assert "SECRET" not in env


def test_a_sidecar_without_an_attestation_token_is_not_started(tmp_path: Path) -> None:
    data = prepared(tmp_path)
    data.sentry_token("planner").unlink()

    with pytest.raises(FileNotFoundError, match="tokens/planner"):
        sidecar_environment(data, "planner", {})


def test_the_client_s_sidecar_has_no_token(tmp_path: Path) -> None:
    env = sidecar_environment(prepared(tmp_path), "client", {})

    assert "DAPR_API_TOKEN" not in env


def test_an_app_gets_its_own_tokens_and_its_service_s_command(tmp_path: Path) -> None:
    data = prepared(tmp_path)

    env = service_environment(data, "specialist-finance", {"APP_PORT": "7112"})

    assert env["DAPR_API_TOKEN"] == data.api_token("specialist-finance").read_text()
    assert env["APP_PORT"] == "7112"
    assert service_command("specialist-finance", [])[1:] == ["-m", "services.specialist.app"]
    assert service_command("planner", ["--", "true", "-x"]) == ["true", "-x"]


def test_without_go_one_line_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gobuild, "GO_ELSEWHERE", tmp_path / "go")

    with pytest.raises(SetupError, match=r"^Go 1.26 or later is needed"):
        build.ensure_binaries(print)


def test_an_older_go_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho go version go1.22.1 linux/amd64\n")
    go.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    with pytest.raises(SetupError, match=r"this is: go version go1\.22\.1"):
        build.ensure_binaries(print)


def test_installed_binaries_of_another_version_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in build.BINARIES:
        (tmp_path / name).write_text("#!/bin/sh\necho 1.17.0\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    assert build.installed_folder() is None


def test_a_complete_cache_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = build.binaries_folder()
    folder.mkdir(parents=True)
    for name in build.BINARIES:
        (folder / name).touch()

    assert build.ensure_binaries(print) == folder


def test_a_redis_found_through_a_data_folder_on_path_is_the_one_behind_it(tmp_path: Path) -> None:
    real = tmp_path / "redis-server"
    real.touch()
    link = tmp_path / "data" / "runtime" / "bin" / "redis-server"
    link.parent.mkdir(parents=True)
    link.symlink_to(real)

    assert behind(link) == real
