"""What `make test-k8s` and `make drill` run: tests in a cluster, and a line that says if so."""

import os
import subprocess
import sys
import time

from quartet.cli.runtime import progress
from quartet.cluster import lifecycle, node
from quartet.cluster.commands import Commands
from quartet.cluster.places import Places
from quartet.cluster.requirements import obstacle
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import repository
from tests.k8s.gathered import ON_CLUSTER


def main(arguments: list[str]) -> int:
    """Run the tests with pytest's arguments; a cluster that was up before stays up."""
    if reason := obstacle():
        _tell(f"NOT RUN: {reason}")
        return 0
    places, began = Places.of_user(), time.monotonic()
    was_up = node.find(places) is not None
    try:
        commands = lifecycle.up(places, progress())
        drills = arguments[:1] == ["--drills"]
        status = _pytest(commands, "drills" if drills else "tests", arguments[drills:])
    except SetupError as problem:
        _tell(f"FAILED before a test ran: {problem}")
        return 1
    finally:
        if not was_up:
            lifecycle.down(places)
    _tell(f"RAN on a real cluster in {time.monotonic() - began:.0f} s: pytest ended with {status}")
    return status


def _pytest(commands: Commands, which: str, arguments: list[str]) -> int:
    pytest = [sys.executable, "-m", "pytest", "-m", "k8s", "tests/k8s", *arguments]
    return subprocess.run(
        commands.in_network(pytest),
        cwd=repository(),
        env={**commands.environment, ON_CLUSTER: which, "PYTHONUNBUFFERED": "1"},
        check=False,
    ).returncode


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.chdir(repository())
    sys.exit(main(sys.argv[1:]))
