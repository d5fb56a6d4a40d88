"""`quartet doctor` on a suite whose every second service has a hole of another kind."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from quartet.runtime import control
from quartet.runtime.doctor.examining import examine
from quartet.runtime.layout import DataFolder, repository
from quartet.runtime.secret_files import write_secret
from quartet.runtime.suite import running_suite
from tests.suite.here import SHAPE, plain_run_file, quiet
from tests.suite.running import reachable_folder

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(240)]
Document = dict[str, Any]


def changed(source: Path, target: Path) -> Document:
    """Copy a generated file's document for a change; `_write` puts it there."""
    document: Document = yaml.safe_load((repository() / source).read_text())
    target.parent.mkdir(parents=True, exist_ok=True)
    return document


def holed(folder: Path) -> Path:
    """Write a run file of plain apps, with configurations and resources that leave holes."""
    path = plain_run_file(folder)
    run_file: Document = yaml.safe_load(path.read_text())
    entries: dict[str, Document] = {one["appID"]: one for one in run_file["apps"]}
    unsigned = changed(Path("config/planner.yaml"), folder / "config" / "planner.yaml")
    del unsigned["spec"]["features"]
    _write(folder / "config" / "planner.yaml", unsigned)
    allowing = changed(Path("config/toolbox.yaml"), folder / "config" / "toolbox.yaml")
    allowing["spec"]["accessControl"] = {"defaultAction": "allow", "trustDomain": "public"}
    _write(folder / "config" / "toolbox.yaml", allowing)
    for app_id in ("planner", "toolbox"):
        entries[app_id]["configFilePath"] = str(folder / "config" / f"{app_id}.yaml")
    own = folder / "components"
    copytree(repository() / "components", own)
    for name, scopes in (("workflow-access-critic", ["nobody"]), ("verdicts", None)):
        document: Document = yaml.safe_load((own / f"{name}.yaml").read_text())
        document["scopes"] = scopes
        _write(own / f"{name}.yaml", document)
    run_file["common"]["resourcesPaths"] = [str(own)]
    entries["reader"]["env"] = {"PLAIN_APP_HOST": "0.0.0.0"}
    path.write_text(yaml.safe_dump(run_file))
    return path


def _write(path: Path, document: Document) -> None:
    path.write_text(yaml.safe_dump(document))


@pytest.fixture(scope="module")
def seen() -> Iterator[dict[tuple[str, str], str]]:
    """Return service and check to what is not protected."""
    with reachable_folder("holes") as folder:
        data = DataFolder(folder)
        control.up(data, SHAPE.apps, quiet)
        write_secret(data.api_token("models"), "")
        with running_suite(data, SHAPE, holed(folder), quiet):
            findings = examine(data, SHAPE)
            yield {(f.service, f.check): f.seen for f in findings if f.state != "protected"}


def test_an_unsigned_history_is_red(seen: dict[tuple[str, str], str]) -> None:
    assert seen[("planner", "history signing")] == "off"
    assert ("critic", "history signing") not in seen


def test_a_policy_that_is_not_loaded_or_may_go_is_red(seen: dict[tuple[str, str], str]) -> None:
    assert seen[("critic", "workflow policy")] == "loaded: none"
    assert ("planner", "workflow policy") in seen  # its policy could be reloaded away
    assert ("reader", "workflow policy") not in seen


def test_access_control_that_allows_by_default_is_red(seen: dict[tuple[str, str], str]) -> None:
    assert "not from the access control" in seen[("toolbox", "access control")]
    assert ("coordinator", "access control") not in seen


def test_a_component_for_everybody_is_red(seen: dict[tuple[str, str], str]) -> None:
    assert "verdicts" in seen[("planner", "component scopes")]


def test_an_app_that_listens_to_the_world_is_red(seen: dict[tuple[str, str], str]) -> None:
    assert seen[("reader", "ports")] == "outside loopback: 0.0.0.0:7105"
    assert ("planner", "ports") not in seen


def test_an_app_that_asks_for_no_token_is_red(seen: dict[tuple[str, str], str]) -> None:
    assert "200" in seen[("toolbox", "app door")]


def test_a_sidecar_that_asks_for_no_token_is_red(seen: dict[tuple[str, str], str]) -> None:
    assert ("models", "sidecar door") in seen
    assert ("planner", "sidecar door") not in seen


def test_what_has_no_hole_stays_green(seen: dict[tuple[str, str], str]) -> None:
    assert not [check for _, check in seen if check in ("mTLS", "token validator", "append-only")]
