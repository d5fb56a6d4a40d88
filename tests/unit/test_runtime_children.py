"""The restart loop and the launcher's stub, with real processes and no Dapr."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from quartet.runtime.children import next_delay
from tests.suite.here import eventually, family, gone

KEEP = """
import os, sys
from pathlib import Path
from quartet.runtime.children import Program
from quartet.runtime.launcher import keep
keep(Program("p", [sys.executable, "-c", sys.argv[1]], dict(os.environ), Path(sys.argv[2])))
"""
FOREVER = "import signal, time; print('up', flush=True); signal.pause()"
LAST_WORDS = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("bye", flush=True)))
print("up", flush=True)
signal.pause()
"""


def launch(program: str, log: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", KEEP, program, str(log)])


def ups(log: Path) -> int:
    return log.read_text().count("up") if log.exists() else 0


def test_the_pause_doubles_from_a_fifth_of_a_second_to_five_seconds() -> None:
    pauses, last = [], 0.0

    for _ in range(7):
        last = next_delay(last, up_for_s=1.0)
        pauses.append(last)

    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_program_that_stayed_up_for_half_a_minute_starts_over_with_a_short_pause() -> None:
    assert next_delay(5.0, up_for_s=30.0) == 0.2


def test_a_killed_program_comes_back(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stub = launch(FOREVER, log)
    eventually(lambda: ups(log) == 1)
    keeper = psutil.Process(stub.pid).children()[0]

    keeper.children()[0].kill()

    eventually(lambda: ups(log) == 2)
    stub.terminate()
    assert stub.wait(10) == 0


def test_a_killed_keeper_takes_its_program_with_it_and_both_come_back(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stub = launch(FOREVER, log)
    eventually(lambda: ups(log) == 1)
    old = family(stub.pid) - {stub.pid}

    psutil.Process(stub.pid).children()[0].kill()

    eventually(lambda: gone(old) and ups(log) == 2)
    stub.terminate()
    assert stub.wait(10) == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_however_the_stub_ends_the_program_is_told_and_nothing_is_left(
    tmp_path: Path, how: signal.Signals
) -> None:
    log = tmp_path / "log"
    stub = launch(LAST_WORDS, log)
    eventually(lambda: ups(log) == 1)
    started = family(stub.pid)

    stub.send_signal(how)
    stub.wait(10)

    eventually(lambda: gone(started))
    assert "bye" in log.read_text()


def test_the_program_ends_when_whoever_started_the_launcher_dies(tmp_path: Path) -> None:
    log = tmp_path / "log"
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]]).wait()",
            *("-c", KEEP, FOREVER, str(log)),
        ]
    )
    eventually(lambda: ups(log) == 1)
    started = family(starter.pid)

    starter.kill()
    starter.wait(10)

    eventually(lambda: gone(started))


def test_without_the_runtime_an_app_says_in_one_line_what_to_run() -> None:
    bare = {name: value for name, value in os.environ.items() if name != "QUARTET_DATA"}

    done = subprocess.run(
        [sys.executable, "-m", "quartet.runtime.launch", "planner"],
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert 'eval "$(quartet runtime up)"' in done.stderr
    assert "make run" in done.stderr
