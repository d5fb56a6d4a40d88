"""A whole suite of plain apps under `dapr run -f`, on real sidecars with mTLS."""

import json
import os
import signal
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import httpx
import psutil
import pytest

from quartet.contracts.matrix import VERBS, resolve
from quartet.runtime import control, layout, suite
from quartet.runtime.redis import connect
from tests.suite.here import SHAPE, eventually, family, gone, plain_run_file, quiet

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(180)]
APPS = {app.app_id: app for app in SHAPE.apps}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[layout.DataFolder]:
    folder = layout.DataFolder(tmp_path_factory.mktemp("suite"))
    control.up(folder, SHAPE.apps, quiet)
    yield folder
    control.down(folder, quiet)


@pytest.fixture(scope="module")
def running(data: layout.DataFolder) -> Iterator[suite.Suite]:
    started = suite.start(data, SHAPE, plain_run_file(data.root))
    started.wait_until_ready(quiet)
    yield started
    started.stop(quiet)


def call(data: layout.DataFolder, caller: str, method: str, rest: str) -> httpx.Response:
    return httpx.request(
        method,
        f"http://127.0.0.1:{APPS[caller].http_port}/v1.0/invoke/{rest}",
        headers={"dapr-api-token": data.api_token(caller).read_text()},
        timeout=10,
        trust_env=False,
    )


def told(app_id: str) -> list[dict[str, str]]:
    url = f"http://127.0.0.1:{APPS[app_id].app_port}/seen"
    seen: list[dict[str, str]] = httpx.get(url, trust_env=False).json()
    return seen


def processes_of(suite_pid: int, word: str) -> list[psutil.Process]:
    family_of = psutil.Process(suite_pid).children(recursive=True)
    return [one for one in family_of if any(word in part for part in one.cmdline())]


def test_each_caller_reaches_its_verbs_with_the_app_s_own_token(
    running: suite.Suite, data: layout.DataFolder
) -> None:
    assert running.not_ready() == []
    for verb in resolve(VERBS, SHAPE.specialists, SHAPE.readers):
        path = verb.path.replace("*", "some-7")
        for caller in verb.callers:
            answer = call(
                data, caller, verb.method, f"{verb.callee}/method/callers/{caller}/{path}"
            )

            assert answer.status_code == 200, (caller, verb)
            assert answer.json()["token"] == "right"


@pytest.mark.usefixtures("running")
def test_nobody_reaches_a_verb_that_the_matrix_does_not_give(data: layout.DataFolder) -> None:
    verbs = resolve(VERBS, SHAPE.specialists, SHAPE.readers)
    callers = [app.app_id for app in SHAPE.apps if app.has_app]

    for verb, caller in product(verbs, callers):
        path = verb.path.replace("*", "some-7")
        rightful = verb.callers[0]
        # Who calls nobody has no such API in its own sidecar.
        barred = 403 if any(caller in one.callers for one in verbs) else 404
        if caller not in {rightful, verb.callee}:
            stolen = f"{verb.callee}/method/callers/{rightful}/{path}"
            assert call(data, caller, verb.method, stolen).status_code == barred, (caller, verb)
        if caller not in verb.callers and caller != verb.callee:
            own = f"{verb.callee}/method/callers/{caller}/{path}"
            assert call(data, caller, verb.method, own).status_code == barred, (caller, verb)


@pytest.mark.usefixtures("running")
def test_a_sidecar_answers_nobody_but_its_app() -> None:
    url = f"http://127.0.0.1:{APPS['planner'].http_port}/v1.0/invoke/models/method/x"

    assert httpx.post(url, trust_env=False).status_code == 401


@pytest.mark.usefixtures("running")
def test_dapr_publish_and_the_bare_stream_reach_the_coordinator_as_sent(
    data: layout.DataFolder,
) -> None:
    dapr = [str(data.binaries / "dapr"), "publish", "--publish-app-id", "client"]
    published = subprocess.run(
        [*dapr, "--pubsub", "pubsub", "--topic", "task-submitted", "--data", '{"by": "cli"}'],
        env=control.environment(data),
        capture_output=True,
        text=True,
        check=False,
    )
    connect(data, "client").xadd("task-submitted", {"data": "by stream, not even JSON"})

    def bodies() -> list[str]:
        events = [json.loads(one["body"]) for one in told("coordinator")]
        return [b64decode(event["data_base64"]).decode() for event in events]

    assert published.returncode == 0, published.stderr
    eventually(lambda: any('"by":"cli"' in body for body in bodies()))
    eventually(lambda: "by stream, not even JSON" in bodies())


@pytest.mark.usefixtures("running")
def test_the_client_s_sidecar_publishes_there_and_does_nothing_else() -> None:
    base = f"http://127.0.0.1:{APPS['client'].http_port}/v1.0"

    elsewhere = httpx.post(f"{base}/publish/pubsub/task-completed", json={}, trust_env=False)
    invoked = httpx.post(f"{base}/invoke/toolbox/method/x", json={}, trust_env=False)
    secret = httpx.get(f"{base}/secrets/secretstore/REDIS_PASSWORD", trust_env=False)

    assert elsewhere.status_code == 403
    assert invoked.status_code == 404
    assert secret.status_code == 404


@pytest.mark.usefixtures("running")
def test_no_app_reads_the_password_of_redis(data: layout.DataFolder) -> None:
    answer = httpx.get(
        f"http://127.0.0.1:{APPS['critic'].http_port}/v1.0/secrets/secretstore/REDIS_PASSWORD",
        headers={"dapr-api-token": data.api_token("critic").read_text()},
        trust_env=False,
    )

    assert answer.status_code == 403


def test_every_listening_port_is_loopback_and_below_32768(running: suite.Suite) -> None:
    listening = [
        connection.laddr
        for pid in family(running.pid)
        for connection in psutil.Process(pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert max(address.port for address in listening) < 32768


@pytest.mark.parametrize("word", ["tests.suite.plain_app", "/bin/daprd"])
def test_killed_apps_and_sidecars_come_back(running: suite.Suite, word: str) -> None:
    eventually(lambda: running.not_ready() == [], within_s=30)
    real = [one for one in processes_of(running.pid, word) if "python3 -m" not in one.name()]
    victims = {one.pid for one in real if not one.children()}
    assert len(victims) >= len(APPS) - 1

    for pid in victims:
        os.kill(pid, signal.SIGKILL)

    eventually(lambda: gone(victims), within_s=5)
    eventually(lambda: running.not_ready() == [], within_s=60)


def test_calls_work_again_after_all_sidecars_were_killed(
    running: suite.Suite, data: layout.DataFolder
) -> None:
    eventually(lambda: running.not_ready() == [], within_s=60)

    eventually(
        lambda: (
            call(
                data, "coordinator", "POST", "toolbox/method/callers/coordinator/plans"
            ).status_code
            == 200
        ),
        within_s=30,
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_however_dapr_run_ends_nothing_of_it_is_left(
    running: suite.Suite, data: layout.DataFolder, tmp_path: Path, how: signal.Signals
) -> None:
    running.stop(quiet)
    again = suite.start(data, SHAPE, plain_run_file(tmp_path))
    again.wait_until_ready(quiet)
    started = family(again.pid)
    assert len(started) > 50

    os.kill(again.pid, how)

    eventually(lambda: gone(started - {again.pid}), within_s=15)
    again.stop(quiet)
    assert gone(started)
