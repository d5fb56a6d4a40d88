"""The control plane on real Dapr and Redis: up, killed, down, refused; no services."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from quartet.runtime import control, layout
from quartet.runtime.errors import SetupError
from quartet.runtime.machine import suite_holder
from quartet.runtime.redis import connect, find_server, require_append_only
from tests.suite.here import SHAPE, eventually, family, gone, quiet

pytestmark = pytest.mark.runtime


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[layout.DataFolder]:
    folder = layout.DataFolder(tmp_path_factory.mktemp("control"))
    control.up(folder, SHAPE.apps, quiet)
    yield folder
    control.down(folder, quiet)


def pid_of(data: layout.DataFolder, name: str) -> int | None:
    found = control.status(data)["programs"].get(name, {}).get("pid")
    return int(found) if found else None


@pytest.mark.parametrize("name", ["redis", "sentry", "placement", "scheduler"])
def test_a_killed_part_of_the_control_plane_comes_back_on_the_same_folder(
    data: layout.DataFolder, name: str
) -> None:
    eventually(lambda: control.status(data)["up"])
    transaction = connect(data, "operator").pipeline(transaction=True)
    transaction.set("kept", name)
    transaction.execute()
    old = pid_of(data, name)
    assert old is not None

    os.kill(old, signal.SIGKILL)

    eventually(lambda: pid_of(data, name) not in {None, old} and control.status(data)["up"])
    assert connect(data, "operator").get("kept") == name


def test_a_killed_scheduler_leads_again_before_the_old_lease_of_20_s_is_over(
    data: layout.DataFolder,
) -> None:
    eventually(lambda: control.status(data)["up"], within_s=40)
    old = pid_of(data, "scheduler")
    assert old is not None

    os.kill(old, signal.SIGKILL)

    eventually(
        lambda: pid_of(data, "scheduler") not in {None, old} and control.status(data)["up"],
        within_s=12,
    )


def test_up_a_second_time_starts_nothing(data: layout.DataFolder) -> None:
    eventually(lambda: control.status(data)["up"])
    before = control.status(data)

    control.up(data, SHAPE.apps, quiet)

    assert control.status(data) == before


def test_every_service_port_is_the_pinned_one_on_loopback(data: layout.DataFolder) -> None:
    eventually(lambda: control.status(data)["up"])
    holder = control.status(data)["supervisor"]
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for pid in family(holder)
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert {port for _, port in listening} <= set(layout.CONTROL_PORTS.values())
    # Dapr 1.18.2 ignores --healthz-listen-address; its health servers say ready and no more.
    health = {
        layout.SENTRY_HEALTH_PORT,
        layout.PLACEMENT_HEALTH_PORT,
        layout.SCHEDULER_HEALTH_PORT,
    }
    assert {address for address, port in listening if port not in health} == {"127.0.0.1"}


def test_another_suite_on_the_machine_is_refused(data: layout.DataFolder, tmp_path: Path) -> None:
    assert suite_holder() is not None

    with pytest.raises(SetupError, match=r"A suite runs on this machine already.*own-network"):
        control.up(layout.DataFolder(tmp_path), SHAPE.apps, quiet)
    with pytest.raises(SetupError, match=str(data.root)):
        control.down(layout.DataFolder(tmp_path), quiet)


def test_a_redis_client_may_only_add_to_task_submitted(data: layout.DataFolder) -> None:
    eventually(lambda: control.status(data)["up"])
    client = connect(data, "client")

    assert client.xadd("task-submitted", {"data": "{}"})
    for refused in (
        lambda: client.xadd("task-completed", {"data": "{}"}),
        lambda: client.xrange("task-submitted"),
        lambda: client.delete("task-submitted"),
        lambda: client.config_get("*"),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            refused()
    connect(data, "operator").delete("task-submitted")


def test_nobody_gets_in_without_a_password(data: layout.DataFolder) -> None:
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(host=layout.HOST, port=layout.REDIS_PORT).ping()
    with pytest.raises(redis.exceptions.NoPermissionError):
        connect(data, "sidecar").flushall()


def test_no_secret_shows_in_any_command_line(data: layout.DataFolder) -> None:
    secrets = {path.read_text() for path in data.root.rglob("*-token")}
    secrets |= {path.read_text() for path in data.redis.glob("*-password")}

    shown = " ".join(
        word
        for pid in family(control.status(data)["supervisor"])
        for word in psutil.Process(pid).cmdline()
    )

    assert secrets
    assert not any(secret in shown for secret in secrets)


def test_the_exported_environment_holds_paths_only(data: layout.DataFolder) -> None:
    lines = control.exports(data)

    assert [line.split("=")[0] for line in lines] == [
        "export PATH",
        "export DAPR_RUNTIME_PATH",
        "export QUARTET_DATA",
    ]


def test_a_killed_supervisor_leaves_no_process(data: layout.DataFolder) -> None:
    control.up(data, SHAPE.apps, quiet)
    holder = control.status(data)["supervisor"]
    started = family(holder)
    assert len(started) == 5

    os.kill(holder, signal.SIGKILL)

    eventually(lambda: gone(started), within_s=5)
    assert control.status(data)["up"] is False
    control.up(data, SHAPE.apps, quiet)
    assert control.status(data)["up"]


def test_down_stops_everything_and_is_no_error_when_nothing_runs(data: layout.DataFolder) -> None:
    control.up(data, SHAPE.apps, quiet)
    started = family(control.status(data)["supervisor"])

    control.down(data, quiet)

    assert gone(started)
    assert suite_holder() is None
    control.down(data, quiet)


def test_a_redis_that_forgets_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    forgetful = subprocess.Popen(
        [str(find_server()), "--port", str(port), "--appendonly", "no", "--save", ""],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(host="127.0.0.1", port=port, decode_responses=True)
    try:
        eventually(lambda: _answers(client))

        with pytest.raises(SetupError, match="append-only"):
            require_append_only(client)
    finally:
        forgetful.terminate()
        forgetful.wait(10)
        client.close()


def _answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
