"""What `make test` runs: first what needs no suite, on every core; then the real runtime, alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory

import psutil

from quartet.runtime.layout import repository
from tests.seeds import run_seed

NOTHING_TO_RUN = 5
"""How pytest ends when no test was selected: of one part, that is what the arguments asked for."""
CORES = ("-n", "logical", "--maxprocesses=8", "--dist=worksteal")
MEMORY, FILES_BYTES, ALL_BYTES = Path("/dev/shm"), 8 * 2**30, 12 * 2**30
"""The first part leaves some 5 GB of files in its time; two processes of it take 1 GB each."""


def main(arguments: list[str]) -> int:
    """Run both parts with pytest's arguments, or what paths among them name, as pytest does.

    The first status that is a failure is the status.
    """
    run_seed()
    if any(one.startswith("tests/") for one in arguments):
        return _pytest(arguments, {})
    with _in_memory() as where:
        statuses = [_pytest(["tests", "--ignore=tests/runtime", *CORES, *arguments], where)]
    statuses.append(_pytest(["tests/runtime", *arguments], {}))
    if all(status == NOTHING_TO_RUN for status in statuses):
        return NOTHING_TO_RUN
    return next((s for s in statuses if s not in (0, NOTHING_TO_RUN)), 0)


@contextmanager
def _in_memory() -> Iterator[dict[str, str]]:
    """Have the thousand small databases of unit tests in memory, where there is room for them."""
    room = MEMORY.is_dir() and disk_usage(MEMORY).free > FILES_BYTES
    if not room or psutil.virtual_memory().available < ALL_BYTES:
        yield {}
        return
    with TemporaryDirectory(prefix="quartet-tests-", dir=MEMORY) as folder:
        Path(folder).chmod(0o711)  # Postgres runs as a user of its own
        yield {"TMPDIR": folder}


def _pytest(arguments: list[str], environment: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", "--durations=15", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=repository(), env=env, check=False).returncode


if __name__ == "__main__":
    os.chdir(repository())
    sys.exit(main(sys.argv[1:]))
