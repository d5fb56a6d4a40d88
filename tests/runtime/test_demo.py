"""`quartet demo` as a user runs it: a process of its own on the real runtime, and Ctrl-C in it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quartet.cli.expected import read
from quartet.runtime.layout import repository
from quartet.runtime.machine import suite_holder
from tests.suite.here import eventually, family, gone

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(240)]
QUARTET = str(Path(sys.executable).parent / "quartet")
SAMPLES = repository() / "packs" / "payables" / "samples"
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [QUARTET, "demo", "--data", str(tmp_path / "demo"), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.terminate()
        process.communicate(timeout=90)


def started_by(process: subprocess.Popen[str]) -> set[int]:
    """Return every process of a demo: its own children, and the daemon that it started."""
    holder = suite_holder()
    return family(process.pid) - {process.pid} | (family(holder) if holder else set())


def test_the_demo_ends_as_expected_and_leaves_files_but_no_process(start: Start) -> None:
    demo = start("--json")

    out, progress = demo.communicate(timeout=200)

    assert demo.returncode == 0, progress
    told = json.loads(out)
    assert told["faults"] == {}
    assert told["as_expected"] == len(told["documents"]) == len(read(SAMPLES / "expected.yaml"))
    assert [d["state"] for d in told["documents"] if d["outcome"] == "held-for-approval"] == [
        "waiting"
    ]
    paths = {what: Path(path) for what, path in told["paths"].items()}
    assert set(paths) == {"payment file", "ledger", "audit", "logs"}
    assert all(path.exists() for path in paths.values())
    assert told["payment_run"]["run"] in paths["payment file"].read_text()
    assert suite_holder() is None


@pytest.mark.parametrize("when", ["making certificates", "control plane is up", "submitted"])
def test_ctrl_c_stops_the_demo_and_leaves_no_process(start: Start, when: str) -> None:
    demo = start()
    assert demo.stderr is not None
    for line in demo.stderr:
        if when in line:
            break
    seen = started_by(demo)

    os.killpg(demo.pid, signal.SIGINT)
    _, told = demo.communicate(timeout=90)

    assert demo.returncode == 130, told
    assert told.splitlines()[-1].endswith("interrupted; nothing is left running")
    eventually(lambda: gone(seen))
    assert suite_holder() is None


def test_a_second_demo_is_refused_while_one_runs(start: Start, tmp_path: Path) -> None:
    first = start()
    assert first.stderr is not None
    for line in first.stderr:
        if "control plane is up" in line:
            break

    second = start()
    out, told = second.communicate(timeout=60)

    assert (second.returncode, out) == (1, "")
    (line,) = told.splitlines()
    assert line.startswith("A suite runs already. Stop it with `")
    assert f"suite down --data {tmp_path / 'demo'}`" in line
    os.killpg(first.pid, signal.SIGINT)
    first.communicate(timeout=90)
    assert first.returncode == 130
