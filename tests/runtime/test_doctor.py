"""`quartet doctor` on a real suite: green on a sound one, red on each hole opened on purpose."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from quartet.runtime import control, identities
from quartet.runtime.doctor.examining import examine
from quartet.runtime.doctor.findings import Finding
from quartet.runtime.layout import DataFolder
from quartet.runtime.secret_files import write_secret
from tests.suite.here import SHAPE, eventually
from tests.suite.running import Running, reachable_folder, running_product

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def sound() -> Iterator[Running]:
    with reachable_folder("doctor") as folder, running_product(folder) as product:
        yield product


def wrong(data: DataFolder) -> dict[tuple[str, str], str]:
    """Return what the doctor does not find protected: service and check to what it saw.

    Where services cannot have users of their own, that is red everywhere, and told once.
    """
    found = {
        (one.service, one.check): one.seen
        for one in examine(data, SHAPE)
        if one.state != "protected"
    }
    if not identities.read(data).why_not:
        return found
    return {key: seen for key, seen in found.items() if key[1] not in ("own user", "secrets")}


def test_a_sound_suite_is_green_in_every_row(sound: Running) -> None:
    found: list[Finding] = examine(sound.data, SHAPE)

    assert wrong(sound.data) == {}
    assert len(found) > 8 * len(SHAPE.apps)
    checks = {one.check for one in found if one.service == "planner"}
    assert checks == {
        "ports",
        "mTLS",
        "component scopes",
        "workflow policy",
        "history signing",
        "sidecar door",
        "app door",
        "access control",
        "own user",
        "secrets",
    }


def test_sentry_without_a_validator_is_red(sound: Running) -> None:
    configuration = sound.data.sentry / "config.yaml"
    before = configuration.read_text()
    spec: dict[str, Any] = yaml.safe_load(before)
    del spec["spec"]["mtls"]["tokenValidators"]
    with _sentry_anew(sound.data):
        write_secret(configuration, yaml.safe_dump(spec))
    try:
        row = next(one for one in examine(sound.data, SHAPE) if one.service == "sentry")

        assert row.state == "open"
        assert "no token" in row.seen
        assert "make run" in row.todo
    finally:
        with _sentry_anew(sound.data):
            write_secret(configuration, before)
    assert wrong(sound.data) == {}


@contextmanager
def _sentry_anew(data: DataFolder) -> Iterator[None]:
    """Have Sentry start again with what is changed inside the block."""
    old = control.status(data)["programs"]["sentry"]["pid"]
    yield
    os.kill(old, signal.SIGKILL)
    eventually(lambda: control.status(data)["programs"]["sentry"]["pid"] not in (None, old))
    eventually(lambda: bool(control.status(data)["up"]))


def test_a_token_that_others_can_read_is_red(sound: Running) -> None:
    if why_not := identities.read(sound.data).why_not:
        pytest.skip(why_not)
    token = sound.data.api_token("critic")
    token.chmod(0o644)
    token.parent.chmod(0o755)

    red = wrong(sound.data)

    token.chmod(0o600)
    token.parent.chmod(0o700)
    assert red[("planner", "secrets")] == "reads apps/critic/api-token"
    assert ("critic", "secrets") not in red
    assert wrong(sound.data) == {}


def test_a_minting_key_that_others_can_read_is_red(sound: Running) -> None:
    if why_not := identities.read(sound.data).why_not:
        pytest.skip(why_not)
    key = sound.data.attestation / "minting-keys.json"
    key.chmod(0o644)
    key.parent.chmod(0o755)

    red = wrong(sound.data)

    key.chmod(0o600)
    key.parent.chmod(0o700)
    assert {service for service, check in red if check == "secrets"} == {
        app.app_id for app in SHAPE.apps if app.has_app
    }


def test_without_a_suite_nothing_is_green(tmp_path: Path) -> None:
    (found,) = examine(DataFolder(tmp_path), SHAPE)

    assert (found.state, found.todo) == ("unknown", "`make run`")
