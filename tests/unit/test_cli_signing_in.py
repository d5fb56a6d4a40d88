"""As whom the commands speak: the shell user, a named person, who logged in, or a token of one."""

import json
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey
from typer.testing import CliRunner, Result

from quartet.cli.main import app
from quartet.contracts.person import Person
from quartet.runtime.issuer import make_issuer, token
from quartet.runtime.layout import DataFolder
from quartet.trust.people import Issuer, mint
from tests.unit.console_stand_in import StandIn, serving


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with serving(StandIn()) as running:
        yield running


@pytest.fixture
def data(tmp_path: Path, stand_in: StandIn) -> DataFolder:
    folder = DataFolder(tmp_path)
    make_issuer(folder)
    stand_in.keys = json.loads(folder.people_keys.read_text())
    stand_in.speakers.clear()
    return folder


def quartet(stand_in: StandIn, data: DataFolder, *words: str, **more: str) -> Result:
    env = {"QUARTET_CONSOLE": stand_in.url, "QUARTET_DATA": str(data.root), "QUARTET_TOKEN": None}
    return CliRunner().invoke(app, list(words), env=env | {"QUARTET_AS": None} | more)


def test_the_local_shell_user_speaks_as_the_operator(stand_in: StandIn, data: DataFolder) -> None:
    assert quartet(stand_in, data, "task", "list").exit_code == 0

    assert stand_in.speakers == ["operator"]


def test_a_command_speaks_as_the_person_it_names(stand_in: StandIn, data: DataFolder) -> None:
    quartet(stand_in, data, "--as", "alice", "task", "list")
    quartet(stand_in, data, "task", "list", QUARTET_AS="bob")
    quartet(stand_in, data, "task", "list")

    assert stand_in.speakers == ["alice", "bob", "operator"]


def test_who_logged_in_speaks_until_logout(stand_in: StandIn, data: DataFolder) -> None:
    assert "alice is signed in" in quartet(stand_in, data, "login", "alice").stdout
    assert stat.S_IMODE(data.session.stat().st_mode) == 0o600
    quartet(stand_in, data, "task", "list")
    assert "alice of tenant default; roles=approver" in quartet(stand_in, data, "whoami").stdout
    quartet(stand_in, data, "logout")
    quartet(stand_in, data, "task", "list")

    assert stand_in.speakers == ["alice", "operator"]
    assert not data.session.exists()


def test_a_login_that_has_expired_is_forgotten(stand_in: StandIn, data: DataFolder) -> None:
    data.session.write_text(token(data, "alice", timedelta(seconds=-1)))

    quartet(stand_in, data, "task", "list")

    assert stand_in.speakers == ["operator"]
    assert not data.session.exists()


def test_a_person_whom_nobody_lists_is_not_signed_in(stand_in: StandIn, data: DataFolder) -> None:
    result = quartet(stand_in, data, "login", "mallory")

    assert result.exit_code == 1
    assert "lists no 'mallory'" in result.stderr
    assert not data.session.exists()


def test_a_token_of_another_issuer_is_sent_and_refused(stand_in: StandIn, data: DataFolder) -> None:
    stranger = Issuer(OKPKey.generate_key("Ed25519", {"kid": "k"}))
    sent = mint(Person(name="mallory"), stranger, datetime.now(UTC), timedelta(minutes=1))

    result = quartet(stand_in, data, "task", "list", QUARTET_TOKEN=sent)

    assert result.exit_code == 1
    assert result.stderr.startswith("NotSignedIn: ")
    assert stand_in.speakers == []


def test_who_cannot_read_the_issuer_s_key_signs_nobody_in(
    stand_in: StandIn, data: DataFolder
) -> None:
    data.issuer_key.unlink()

    result = quartet(stand_in, data, "task", "list")

    assert result.exit_code == 1
    assert "issuer.jwk.json cannot be read" in result.stderr


def test_the_issuer_s_key_is_its_owner_s_alone_and_stays(data: DataFolder) -> None:
    before = data.issuer_key.read_text(), data.people.read_text()
    make_issuer(data)

    assert (data.issuer_key.read_text(), data.people.read_text()) == before
    assert stat.S_IMODE(data.issuer_key.stat().st_mode) == 0o600
    assert "d" not in json.loads(data.people_keys.read_text())["keys"][0]
