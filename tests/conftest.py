"""The table of attacks at the end of a run: what was tried, how often stopped, by which layer."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import programs, server
from tests.seeds import NAME, run_seed
from tests.suite.attack_tests import ATTACKS
from tests.suite.attacks import Attempt, collected, noted, table, together

_seen: list[Attempt] = []
SEED = run_seed()
"""Drawn before any further process of this run starts."""


def pytest_report_header() -> str:
    """Say with which seed this run can be repeated."""
    return f"seed {SEED}: repeat with {NAME}={SEED}"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count an attack when its test has run, or could not be set up."""
    name = report.nodeid.rpartition("::")[2].partition("[")[0]
    kind = ATTACKS.get(name) if report.nodeid.startswith("tests/runtime/") else None
    if kind is not None and (report.when == "call" or report.failed) and not report.skipped:
        _seen.append(Attempt(kind.codes, kind.attack, 1, int(report.passed), kind.layer))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, if any attack was tried."""
    if not _seen:
        return
    noted("tests", together(_seen))
    terminalreporter.section("attacks")
    terminalreporter.write_line(table(collected()))
    for line in _let_through():
        terminalreporter.write_line(line)


def _let_through() -> Iterator[str]:
    yield from (f"NOT STOPPED: {a.attack}" for a in collected() if not a.held_off)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    binaries = programs()
    if binaries is None:
        missing = "no Postgres server is installed (apt-get install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with server(binaries) as socket:
        yield socket
