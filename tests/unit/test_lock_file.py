"""The lock file holds what pyproject.toml pins, and names no registry."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_pinned_dependency_is_locked_at_that_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lock = (ROOT / "requirements.lock").read_text()
    locked = {re.sub(r"[-_.]+", "-", one).lower() for one in re.findall(r"^\S+==\S+", lock, re.M)}

    bare = [re.sub(r"\[.*?\]", "", one) for one in pinned]
    missing = {re.sub(r"[-_.]+", "-", one).lower() for one in bare} - locked

    assert not missing, "run `make lock`"


def test_the_lock_file_names_no_registry() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_the_image_takes_the_locked_versions_and_no_tool_of_development() -> None:
    whole, image = (
        set(re.findall(r"^\S+==\S+", path.read_text(), re.M))
        for path in (ROOT / "requirements.lock", ROOT / "runtime/images/requirements.lock")
    )
    names = {one.partition("==")[0] for one in image}

    assert image < whole, "run `make lock`"
    assert not names & {"pytest", "mypy", "ruff", "uv", "hypothesis"}
    assert "://" not in (ROOT / "runtime/images/requirements.lock").read_text()
