"""Minting keys and tokens for Sentry, and Sentry's configuration; time is an argument."""

import json
import stat
from pathlib import Path

import pytest
import yaml
from joserfc import jwt
from joserfc.jwk import KeySet

from quartet.runtime import attestation
from quartet.runtime.attestation import Mint, MintingKey, signing, token, turned
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import DataFolder
from quartet.runtime.sentry import certificate_life, sentry_configuration

NOW = 1_800_000_000.0
DAY = attestation.KEY_LIFE_S


def folder(root: Path, *app_ids: str) -> DataFolder:
    data = DataFolder(root)
    data.runtime.mkdir()
    data.app_ids.write_text(json.dumps(app_ids))
    return data


def claims(data: DataFolder, subject: str) -> dict[str, object]:
    keys = KeySet.import_key_set(json.loads(data.attestation_keys.read_text()))
    return jwt.decode(data.sentry_token(subject).read_text(), keys, algorithms=["ES256"]).claims


def test_a_token_names_sentry_and_its_one_subject() -> None:
    minting = MintingKey.new(NOW)

    read = jwt.decode(token(minting, "planner", NOW), minting.key, algorithms=["ES256"])

    assert read.header["kid"] == minting.key.kid
    assert read.claims == {
        "aud": "spiffe://localhost/ns/default/dapr-sentry",
        "sub": "spiffe://public/ns/default/planner",
        "iat": int(NOW),
        "exp": int(NOW) + attestation.TOKEN_LIFE_S,
    }


def test_the_control_plane_has_tokens_of_its_own_trust_domain(tmp_path: Path) -> None:
    data = folder(tmp_path, "planner")

    Mint(data).renew(NOW)

    assert claims(data, "dapr-placement")["sub"] == "spiffe://localhost/ns/default/dapr-placement"
    assert claims(data, "dapr-scheduler")["sub"] == "spiffe://localhost/ns/default/dapr-scheduler"
    assert claims(data, "planner")["sub"] == "spiffe://public/ns/default/planner"


def test_keys_and_tokens_are_their_owner_s_alone(tmp_path: Path) -> None:
    data = folder(tmp_path, "planner", "critic")

    Mint(data).renew(NOW)

    files = [path for path in data.attestation.rglob("*") if path.is_file()]
    assert len(files) == 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert "d" not in json.loads(data.attestation_keys.read_text())["keys"][0]


def test_a_token_is_minted_again_half_way_to_its_end_and_not_before(tmp_path: Path) -> None:
    data = folder(tmp_path, "planner")
    mint = Mint(data)
    mint.renew(NOW)
    first = data.sentry_token("planner").read_text()

    mint.renew(NOW + attestation.TOKEN_LIFE_S / 2 - 1)
    assert data.sentry_token("planner").read_text() == first

    mint.renew(NOW + attestation.TOKEN_LIFE_S / 2)
    assert claims(data, "planner")["iat"] == int(NOW + attestation.TOKEN_LIFE_S / 2)


def test_a_removed_token_a_new_app_and_a_clock_put_back_are_seen_at_once(tmp_path: Path) -> None:
    data = folder(tmp_path, "planner")
    mint = Mint(data)
    mint.renew(NOW)
    data.sentry_token("planner").unlink()
    data.app_ids.write_text('["planner", "critic"]')

    mint.renew(NOW + 1)

    assert claims(data, "planner")["iat"] == int(NOW + 1)
    assert claims(data, "critic")["iat"] == int(NOW + 1)
    mint.renew(NOW - DAY)
    assert claims(data, "planner")["iat"] == int(NOW - DAY)


def test_a_new_key_is_public_before_it_signs_and_the_old_one_until_its_tokens_are_spent() -> None:
    old = turned((), NOW)
    both = turned(old, NOW + DAY)
    (first,), (_, second) = old, both

    assert turned(old, NOW + DAY - 1) == old
    assert signing(both, NOW + DAY) is first
    assert signing(both, NOW + DAY + attestation.SETTLES_S) is second
    spent = attestation.SETTLES_S + attestation.TOKEN_LIFE_S + attestation.SENTRY_LENIENCE_S
    assert turned(both, NOW + DAY + spent - 1) == both
    assert turned(both, NOW + DAY + spent) == (second,)


def test_tokens_go_on_verifying_while_keys_turn(tmp_path: Path) -> None:
    data = folder(tmp_path, "planner")
    mint = Mint(data)
    kids = set()

    for hour in range(73):
        mint.renew(NOW + hour * 3600)
        assert claims(data, "planner")["iat"] == int(NOW + hour * 3600)
        kids |= {key["kid"] for key in json.loads(data.attestation_keys.read_text())["keys"]}

    assert len(kids) == 4


def test_sentry_is_told_to_ask_for_tokens_and_to_give_short_certificates(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)

    mtls = yaml.safe_load(sentry_configuration(data, 2))["spec"]["mtls"]

    assert mtls["tokenValidators"] == [
        {"name": "jwks", "options": {"source": str(data.attestation_keys)}}
    ]
    assert (mtls["workloadCertTTL"], mtls["allowedClockSkew"]) == ("2m", "60s")


@pytest.mark.parametrize("asked", ["0", "-1", "1441", "1h", "", "1.5", "\u0663"])
def test_a_certificate_life_that_is_no_number_of_minutes_is_refused(asked: str) -> None:
    with pytest.raises(SetupError, match="1 to 1440 minutes"):
        certificate_life({"QUARTET_CERTIFICATE_MINUTES": asked})
