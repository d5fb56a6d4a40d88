"""Collects nothing where there is no cluster, keeps the order, and prints the table of checks."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.k8s.gathered import ON_CLUSTER, Check, sentence, table
from tests.k8s.people import client_of
from tests.k8s.release import Release
from tests.suite.client import Client

ALWAYS = ("readme", "install", "batch", "identity", "scaling", "rollout", "kills", "uninstall")
DRILLS = ("canary", "rotation", "control_plane", "replicas", "restore", "refused", "swap")
"""Longer ones, with `make drill`; the last two have releases of their own."""
_ORDER = {
    f"test_{name}": n
    for n, name in enumerate((*ALWAYS[:-1], *DRILLS[:-2], "uninstall", *DRILLS[-2:]))
}
_wanted = os.environ.get(ON_CLUSTER, "")
collect_ignore = [f"test_{name}.py" for name in ALWAYS if _wanted != "tests"]
collect_ignore += [f"test_{name}.py" for name in DRILLS if _wanted != "drills"]
NAMESPACE = "QUARTET_K8S_NAMESPACE"
"""Another namespace than the README's: for one file of tests beside somebody else's."""
_TABLE = Path(".quartet") / "k8s-checks.md"
_checks: dict[str, Check] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Install first, uninstall last; what has releases of its own comes at the end."""
    if _wanted:
        items.sort(key=lambda item: _ORDER[item.path.stem])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take note of each part of a test; its set-up counts as its time."""
    if not report.nodeid.startswith("tests/k8s/"):
        return
    before = _checks.get(report.nodeid)
    seconds = report.duration + (before.seconds if before else 0)
    bad = report.failed or (before is not None and before.result == "FAILED")
    result = "FAILED" if bad else "skipped" if report.skipped else "passed"
    _checks[report.nodeid] = Check(sentence(report.nodeid), result, seconds)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table and keep it in .quartet."""
    if not _checks:
        return
    text = table(list(_checks.values()))
    _TABLE.parent.mkdir(exist_ok=True)
    _TABLE.write_text(text + "\n")
    terminalreporter.section("checks on the cluster")
    terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def release() -> Iterator[Release]:
    """Install the chart in a namespace that enforces restricted Pod Security.

    Where the README's own commands were run before, it is there already and stays as it is.
    """
    release = Release("quartet", os.environ.get(NAMESPACE, "suite"))
    release.make_namespace()
    release.install("-f", str(release.values("ci")))
    yield release
    release.remove()


@pytest.fixture(scope="session")
def client(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Return a client with the keys of the release, at its console."""
    with client_of(release, tmp_path_factory.mktemp("client")) as client:
        yield client
