"""What `make test` runs: first what needs no suite, on every core; then the real runtime, alone."""

import os
import subprocess
import sys

from quartet.runtime.layout import repository

NOTHING_TO_RUN = 5
"""How pytest ends when no test was selected: of one part, that is what the arguments asked for."""
PARTS = (
    ("tests", "--ignore=tests/runtime", "-n", "logical", "--maxprocesses=8", "--dist=worksteal"),
    ("tests/runtime",),
)


def main(arguments: list[str]) -> int:
    """Run both parts with pytest's arguments; the first status that is a failure is the status."""
    statuses = [_pytest([*part, *arguments]) for part in PARTS]
    if all(status == NOTHING_TO_RUN for status in statuses):
        return NOTHING_TO_RUN
    return next((s for s in statuses if s not in (0, NOTHING_TO_RUN)), 0)


def _pytest(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "--durations=15", *arguments]
    return subprocess.run(command, cwd=repository(), check=False).returncode


if __name__ == "__main__":
    os.chdir(repository())
    sys.exit(main(sys.argv[1:]))
