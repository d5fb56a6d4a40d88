"""The policy of a running toolbox: what changes it, what does not, and what is on record."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quartet.contracts.policy import Mode
from quartet.packs.load import load
from quartet.policy.texts import BadPolicy
from quartet.service.settings import Settings
from services.toolbox.app import build, governed
from services.toolbox.ledger import Ledger, open_ledger
from services.toolbox.policy.live import SETTLED_S, Policies
from services.toolbox.refusals import PolicyRefusal
from services.toolbox.tables import AuditRow
from tests.unit.toolbox_desk import Clock, Scheduled

PACK = load("payables")
TEXT = PACK.text("policy.cedar")
STRICTER = TEXT.replace('"10000.00"', '"5000.00"')


@dataclass
class Wall:
    """The clock on the wall, as files are stamped by it."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    """A policy file, the ledger it is recorded in, and the policies read from it."""

    path: Path
    ledger: Ledger
    wall: Wall

    def write(self, text: str) -> None:
        self.path.write_text(text)
        os.utime(self.path, (self.wall.now, self.wall.now))

    def start(self, mode: Mode = "enforce") -> Policies:
        policies = Policies(PACK, self.path, mode, self.wall)
        policies.started(self.ledger)
        return policies

    def records(self) -> list[tuple[str, dict[str, object]]]:
        with self.ledger.read() as entry:
            rows = entry.session.query(AuditRow).order_by(AuditRow.sequence)
            return [(r.kind, json.loads(r.record)["body"]) for r in rows]


@pytest.fixture
def place(ledger_url: str, tmp_path: Path) -> Iterator[Place]:
    ledger = open_ledger(ledger_url, tmp_path, PACK, Clock())
    # Whole seconds, so that a second later is exactly that in floating point.
    whole = float(int(os.stat(tmp_path).st_mtime) + 100)
    place = Place(tmp_path / "policy.cedar", ledger, Wall(whole))
    place.write(TEXT)
    yield place
    ledger.close()


def test_the_first_policy_is_recorded_once(place: Place) -> None:
    version = place.start().in_force(place.ledger).policy.version
    place.start()

    changed = [body for kind, body in place.records() if kind == "policy-changed"]
    assert [(b["old"], b["new"], b["mode"]) for b in changed] == [(None, version, "enforce")]


def test_a_change_comes_into_force_without_a_restart_and_is_recorded(place: Place) -> None:
    policies = place.start()
    old = policies.in_force(place.ledger).policy.version

    place.wall.now += 10
    place.write(STRICTER)
    place.wall.now += SETTLED_S
    new = policies.in_force(place.ledger).policy.version

    kind, body = place.records()[-1]
    assert new != old
    assert (kind, body["old"], body["new"]) == ("policy-changed", old, new)


def test_a_file_that_is_still_being_written_changes_nothing(place: Place) -> None:
    policies = place.start()
    old = policies.in_force(place.ledger).policy.version

    place.wall.now += 10
    place.write(STRICTER)
    place.wall.now += SETTLED_S / 2

    assert policies.in_force(place.ledger).policy.version == old


def test_a_change_that_does_not_fit_leaves_the_old_policy_and_is_recorded_once(
    place: Place,
) -> None:
    policies = place.start()
    old = policies.in_force(place.ledger).policy.version

    place.wall.now += 10
    place.write(TEXT.replace("context.amount", "context.amuont"))
    place.wall.now += SETTLED_S
    kept = [policies.in_force(place.ledger).policy.version for _ in range(3)]

    refused = [body for kind, body in place.records() if kind == "policy-change-refused"]
    assert kept == [old] * 3
    assert len(refused) == 1
    assert "amuont" in str(refused[0]["why"])


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_a_policy_that_is_taken_away_denies_until_it_is_back(
    place: Place, text: str | None
) -> None:
    policies = place.start()
    version = policies.in_force(place.ledger).policy.version

    place.wall.now += 10
    place.path.unlink()
    if text is not None:
        place.write(text)
        place.wall.now += SETTLED_S
    with pytest.raises(PolicyRefusal) as refused:
        policies.in_force(place.ledger)
    place.write(TEXT)
    place.wall.now += SETTLED_S

    assert refused.value.failure.title == "NoPolicy"
    assert policies.in_force(place.ledger).policy.version == version


def test_a_change_of_mode_is_recorded(place: Place) -> None:
    place.start()
    place.start("log-only")

    kind, body = place.records()[-1]
    assert (kind, body["old_mode"], body["mode"]) == ("policy-changed", "enforce", "log-only")


@pytest.mark.parametrize("text", [None, "", "permit("])
def test_a_toolbox_without_a_sound_policy_does_not_start(place: Place, text: str | None) -> None:
    place.path.unlink()
    if text is not None:
        place.write(text)
    settings = Settings("toolbox", 1, 1, 1, place.path.parent, policy=place.path)

    with pytest.raises(BadPolicy):
        build(settings, governed(settings, PACK), place.ledger, Scheduled())
