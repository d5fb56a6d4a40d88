"""Users of their own for the services: the numbers, who is given what, where it cannot be."""

import os
import stat
from pathlib import Path

import pytest

from quartet.runtime import identities
from quartet.runtime.layout import DataFolder
from tests.suite.here import SHAPE

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives processes away")


def test_every_app_id_has_a_number_of_its_own_in_a_range_that_nobody_uses() -> None:
    uids = [identities.uid_of(app) for app in SHAPE.apps]

    assert len(set(uids)) == len(uids)
    assert min(uids) > 60_705
    assert max(uids) < 61_184


def test_without_root_all_run_as_one_user_and_it_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = prepared(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    settled = identities.settle(data, SHAPE.apps)

    assert settled.uids == {}
    assert settled.why_not == "it was not started by root"
    assert identities.read(data) == settled


@as_root
def test_a_folder_that_others_cannot_reach_is_an_obstacle(tmp_path: Path) -> None:
    data = prepared(tmp_path)
    tmp_path.chmod(0o700)
    inner = DataFolder(tmp_path / "inner")
    (inner.root / "trust").mkdir(parents=True)

    assert "61101" in identities.obstacle(inner, 61101)
    assert data.trust.exists()


@as_root
def test_each_folder_is_given_to_its_user_and_closed_to_others(tmp_path: Path) -> None:
    data = prepared(tmp_path)
    token = data.api_token("planner")

    identities._give(data.apps / "planner", 61102)

    assert (token.stat().st_uid, stat.S_IMODE(token.stat().st_mode)) == (61102, 0o600)
    assert stat.S_IMODE(token.parent.stat().st_mode) == 0o700
    assert data.api_token("critic").stat().st_uid == 0


@as_root
def test_what_a_service_links_or_takes_from_others_is_not_given_to_it(tmp_path: Path) -> None:
    data = prepared(tmp_path)
    secret, theirs = tmp_path / "secret", data.apps / "planner" / "theirs"
    secret.write_text("of root")
    (data.apps / "planner" / "soft").symlink_to(secret)
    (data.apps / "planner" / "hard").hardlink_to(secret)
    theirs.write_text("of another service")
    os.chown(theirs, 61103, 61103)

    identities._give(data.apps / "planner", 61102)

    assert secret.stat().st_uid == 0
    assert theirs.stat().st_uid == 61103


def prepared(root: Path) -> DataFolder:
    data = DataFolder(root)
    data.runtime.mkdir()
    data.trust.mkdir()
    for app_id in ("planner", "critic"):
        data.api_token(app_id).parent.mkdir(parents=True)
        data.api_token(app_id).write_text("a token")
    return data
