"""Who gets a certificate from the real Sentry: attack V1 in every variant, and the way it fails."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from quartet.runtime import attestation, control, layout
from quartet.runtime.attestation import MintingKey
from quartet.runtime.certificates import INSECURE, UNNAMED, Asked, asked_of_sentry
from quartet.runtime.secret_files import write_secret
from tests.suite.here import SHAPE, eventually, quiet

pytestmark = pytest.mark.runtime


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[layout.DataFolder]:
    folder = layout.DataFolder(tmp_path_factory.mktemp("attestation"))
    control.up(folder, SHAPE.apps, quiet)
    yield folder
    control.down(folder, quiet)


def minting(data: layout.DataFolder) -> MintingKey:
    """Return the suite's own key: what an attacker of a test would have to steal."""
    (key,) = json.loads((data.attestation / "minting-keys.json").read_text())
    return MintingKey.read(key)


def test_the_right_token_gets_the_identity_it_names_for_an_hour(data: layout.DataFolder) -> None:
    token = data.sentry_token("planner").read_text()

    given = asked_of_sentry(Asked("planner", token), data.trust_anchors)

    assert given is not None
    assert given.identities == ("spiffe://public/ns/default/planner",)
    assert 3500 < given.ends.timestamp() - time.time() <= 3600


def test_placement_s_own_token_gets_placement_s_identity(data: layout.DataFolder) -> None:
    token = data.sentry_token("dapr-placement").read_text()
    asked = Asked("dapr-placement", token, trust_domain="localhost")

    given = asked_of_sentry(asked, data.trust_anchors)

    assert given is not None
    assert given.identities == ("spiffe://localhost/ns/default/dapr-placement",)


Forge = Callable[[layout.DataFolder], str]
NOW = time.time()
FORGED: dict[str, Forge] = {
    "none": lambda _: "",
    "a-word": lambda _: "planner",
    "of-another-app": lambda data: data.sentry_token("critic").read_text(),
    "of-placement": lambda data: data.sentry_token("dapr-placement").read_text(),
    "expired": lambda data: attestation.token(minting(data), "coordinator", NOW - 3600),
    "of-a-foreign-key": lambda _: attestation.token(MintingKey.new(NOW), "coordinator", NOW),
    "of-a-foreign-key-under-our-key-id": lambda data: attestation.token(
        _named_like(minting(data)), "coordinator", NOW
    ),
    "unsigned": lambda data: _unsigned(attestation.token(minting(data), "coordinator", NOW)),
    "cut": lambda data: attestation.token(minting(data), "coordinator", NOW)[:-8],
}


def _named_like(ours: MintingKey) -> MintingKey:
    theirs = MintingKey.new(NOW)
    named = {**theirs.key.as_dict(private=True), "kid": ours.key.kid}
    return MintingKey.read({"made": theirs.made, "jwk": named})


def _unsigned(token: str) -> str:
    return f"eyJhbGciOiJub25lIn0.{token.split('.')[1]}."


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_no_other_token_makes_a_process_the_coordinator(
    data: layout.DataFolder, forge: Forge
) -> None:
    asked = Asked("coordinator", forge(data))

    assert asked_of_sentry(asked, data.trust_anchors) is None
    right = replace(asked, token=data.sentry_token("coordinator").read_text())
    assert asked_of_sentry(right, data.trust_anchors) is not None


def test_a_token_for_another_audience_is_refused(
    data: layout.DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attestation, "AUDIENCE", "spiffe://localhost/ns/default/dapr-operator")
    token = attestation.token(minting(data), "coordinator", time.time())

    assert asked_of_sentry(Asked("coordinator", token), data.trust_anchors) is None


@pytest.mark.parametrize("validator", [UNNAMED, INSECURE])
@pytest.mark.parametrize("app_id", ["coordinator", "dapr-placement", "dapr-scheduler"])
def test_nobody_talks_sentry_into_a_weaker_validator(
    data: layout.DataFolder, app_id: str, validator: int
) -> None:
    for token in ("", data.sentry_token("critic").read_text()):
        asked = Asked(app_id, token, validator)

        assert asked_of_sentry(asked, data.trust_anchors) is None
        local = replace(asked, trust_domain="localhost")
        assert asked_of_sentry(local, data.trust_anchors) is None


def test_an_app_s_token_does_not_make_it_placement(data: layout.DataFolder) -> None:
    token = data.sentry_token("coordinator").read_text()

    for app_id in ("dapr-placement", "dapr-scheduler", "dapr-sentry"):
        for domain in ("", "localhost", "public"):
            asked = Asked(app_id, token, trust_domain=domain)

            assert asked_of_sentry(asked, data.trust_anchors) is None


def test_sentry_reads_a_new_minting_key_without_a_restart(data: layout.DataFolder) -> None:
    fresh = MintingKey.new(time.time())
    asked = Asked("planner", attestation.token(fresh, "planner", time.time()))
    assert asked_of_sentry(asked, data.trust_anchors) is None
    before = data.attestation_keys.read_text()
    both = {"keys": [*json.loads(before)["keys"], fresh.key.as_dict(private=False)]}

    write_secret(data.attestation_keys, json.dumps(both))

    eventually(lambda: asked_of_sentry(asked, data.trust_anchors) is not None)
    old = Asked("critic", data.sentry_token("critic").read_text())
    assert asked_of_sentry(old, data.trust_anchors) is not None
    write_secret(data.attestation_keys, before)
    eventually(lambda: asked_of_sentry(asked, data.trust_anchors) is None)


def test_the_supervisor_puts_a_lost_token_back(data: layout.DataFolder) -> None:
    data.sentry_token("critic").unlink()

    eventually(data.sentry_token("critic").exists)
