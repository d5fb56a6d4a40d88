"""Keys of services: who signed, and every way in which a signature stands for nothing."""

import base64
import hmac
import json
from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from quartet.contracts.base import Fields, Json
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import DataFolder
from quartet.runtime.secret_files import make_secrets
from quartet.runtime.service_keys import EPOCHS_AHEAD, publish_keys, rotate
from quartet.testing.signing import keyring, seed_of, signer
from quartet.trust.chain import PROPOSAL, TASK_S, check, proposal_statement
from quartet.trust.keys import EPOCH_S, LEEWAY_S, Keyring, Signer, derived, published
from quartet.trust.signing import NotGenuine

NOW = 20_000 * EPOCH_S + 1000.0
STATEMENT: Fields = {"task": "t-1", "n": 3}
TYP = "quartet-test+jws"


def at(now: float) -> Callable[[], float]:
    return lambda: now


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def opened(token: str) -> tuple[Fields, bytes, bytes]:
    first, payload, signature = (base64.urlsafe_b64decode(p + "==") for p in token.split("."))
    return json.loads(first), payload, signature


def joined(header: Json, payload: bytes, signature: bytes) -> str:
    return ".".join(map(encoded, (json.dumps(header).encode(), payload, signature)))


def signed(header: Fields, app_id: str = "critic") -> str:
    """Return a JWS whose signature is right over whatever header is asked for."""
    token = signer(app_id, at(NOW)).sign(STATEMENT, TYP)
    private = derived(seed_of(app_id), app_id, 20_000)
    own, payload, _ = opened(token)
    covered = f"{encoded(json.dumps(own | header).encode())}.{encoded(payload)}"
    return f"{covered}.{encoded(private.sign(covered.encode()))}"


def test_what_an_app_signs_is_read_back_as_its_own(tmp_path: Path) -> None:
    keys = keyring(tmp_path, at(NOW))

    token = signer("critic", at(NOW)).sign(STATEMENT, TYP)

    assert keys.verify(token, "critic", TYP) == STATEMENT


def test_another_library_takes_the_signature_and_the_published_key(tmp_path: Path) -> None:
    keyring(tmp_path, at(NOW))
    published_keys = json.loads((tmp_path / "trust" / "services.jwks.json").read_text())["keys"]
    token = signer("critic", at(NOW)).sign(STATEMENT, TYP)
    kid = opened(token)[0]["kid"]
    key = OKPKey.import_key(next(k for k in published_keys if k["kid"] == kid))

    found = jws.deserialize_compact(token, key, algorithms=["Ed25519"])

    assert json.loads(found.payload) == STATEMENT


def forgeries() -> dict[str, tuple[str, str]]:
    """Every forgery by name, with what its refusal says."""
    good = signer("critic", at(NOW)).sign(STATEMENT, TYP)
    header, payload, signature = opened(good)
    public = base64.urlsafe_b64decode(
        str(published(seed_of("critic"), "critic", 20_000)["x"]) + "=="
    )
    hs256 = header | {"alg": "HS256"}
    covered = f"{encoded(json.dumps(hs256).encode())}.{encoded(payload)}"
    mac = hmac.digest(public, covered.encode(), "sha256")
    own = Signer("critic", lambda: b"a foreign seed", at(NOW)).sign(STATEMENT, TYP)
    foreign = joined(opened(own)[0] | {"kid": header["kid"]}, payload, opened(own)[2])
    jwk = published(b"a foreign seed", "critic", 20_000)
    changed = json.dumps(STATEMENT | {"n": 4}).encode()
    return {
        "nothing": ("", "no compact JWS"),
        "two parts": (good.rpartition(".")[0], "no compact JWS"),
        "four parts": (good + ".x", "no compact JWS"),
        "no header": (f"x.{good}".replace(".", "", 1), "no compact JWS|header"),
        "a header that is a list": (joined([], payload, signature), "header"),
        "alg none": (joined(header | {"alg": "none"}, payload, b""), "not Ed25519"),
        "alg EdDSA": (signed({"alg": "EdDSA"}), "not Ed25519"),
        "HS256 with the public key": (f"{covered}.{encoded(mac)}", "not Ed25519"),
        "no signature": (joined(header, payload, b""), "false"),
        "a changed payload": (joined(header, changed, signature), "false"),
        "padding": (good + "=", "no compact JWS"),
        "a foreign key under a known kid": (foreign, "false"),
        "a foreign key under its own kid": (own, "of no service"),
        "an unknown crit": (signed({"crit": ["b64"], "b64": False}), "exactly"),
        "an embedded jwk": (signed({"jwk": jwk}), "exactly"),
        "a jku": (signed({"jku": "https://evil.example/keys"}), "exactly"),
        "a kid that is no text": (signed({"kid": 7}), "not made of text"),
        "another type": (signed({"typ": "txntoken+jwt"}), "not a 'quartet-test"),
        "another app": (signer("planner", at(NOW)).sign(STATEMENT, TYP), "planner signed it"),
        "another app under this kid": (signed({"kid": header["kid"]}, "planner"), "false"),
        "tomorrow's key": (
            signer("critic", at(NOW + EPOCH_S)).sign(STATEMENT, TYP),
            "has not begun",
        ),
        "yesterday's key": (
            signer("critic", at(NOW - EPOCH_S)).sign(STATEMENT, TYP),
            "has ended",
        ),
    }


@pytest.mark.parametrize("name", forgeries())
def test_a_forgery_is_refused(tmp_path: Path, name: str) -> None:
    token, says = forgeries()[name]

    with pytest.raises(NotGenuine, match=says):
        keyring(tmp_path, at(NOW)).verify(token, "critic", TYP)


def test_a_key_is_taken_a_leeway_longer_than_its_epoch(tmp_path: Path) -> None:
    token = signer("critic", at(NOW)).sign(STATEMENT, TYP)
    end = 20_001 * EPOCH_S

    assert keyring(tmp_path, at(end + LEEWAY_S - 1)).verify(token, "critic", TYP) == STATEMENT
    with pytest.raises(NotGenuine, match="has ended"):
        keyring(tmp_path, at(end + LEEWAY_S + 1)).verify(token, "critic", TYP)


def test_the_audit_verifies_with_the_key_of_any_past_epoch(tmp_path: Path) -> None:
    token = signer("critic", at(NOW - EPOCH_S)).sign(STATEMENT, TYP)

    assert keyring(tmp_path, at(NOW)).verify(token, "critic", TYP, within_s=None) == STATEMENT


def test_a_link_of_a_chain_is_taken_as_long_as_a_task_may_last(tmp_path: Path) -> None:
    statement = proposal_statement("t-" + "1" * 24, "sha256:1", "sha256:2")
    link = signer("critic", at(NOW)).sign(statement, PROPOSAL)
    keyring(tmp_path, at(NOW))
    path, end = tmp_path / "trust" / "services.jwks.json", 20_001 * EPOCH_S

    check(Keyring(path, at(end + TASK_S - 1)), link, statement, "critic")
    with pytest.raises(NotGenuine, match="has ended"):
        check(Keyring(path, at(end + TASK_S + 1)), link, statement, "critic")
    check(Keyring(path, at(end + 10 * TASK_S)), link, statement, "critic", within_s=inf)


def test_a_signer_goes_over_to_the_next_key_by_itself() -> None:
    now = NOW
    critic = Signer("critic", lambda: seed_of("critic"), lambda: now)

    before = opened(critic.sign(STATEMENT, TYP))[0]["kid"]
    now += EPOCH_S
    after = opened(critic.sign(STATEMENT, TYP))[0]["kid"]

    assert str(before).startswith("critic.20000.")
    assert str(after).startswith("critic.20001.")


def folder(path: Path) -> DataFolder:
    data = DataFolder(path)
    make_secrets(data, ["critic", "planner"])
    publish_keys(data, NOW)
    return data


def of(data: DataFolder, app_id: str, now: float = NOW) -> Signer:
    """Return the signer of an app-id as its process has it at its start."""
    seed = bytes.fromhex(data.signing_seed(app_id).read_text())
    return Signer(app_id, lambda: seed, at(now))


def test_the_runtime_publishes_keys_for_the_epochs_ahead_and_keeps_those_behind(
    tmp_path: Path,
) -> None:
    data = folder(tmp_path)
    later = NOW + 3 * EPOCH_S

    publish_keys(data, later)

    keys = Keyring(data.service_keys, at(later + EPOCHS_AHEAD * EPOCH_S))
    last = of(data, "critic", later + EPOCHS_AHEAD * EPOCH_S)
    assert keys.verify(last.sign(STATEMENT, TYP), "critic", TYP) == STATEMENT
    first = of(data, "planner").sign(STATEMENT, TYP)
    assert keys.verify(first, "planner", TYP, within_s=None) == STATEMENT


def test_seeds_are_for_their_owner_only_and_public_keys_for_everybody(tmp_path: Path) -> None:
    data = folder(tmp_path)

    assert data.signing_seed("critic").stat().st_mode & 0o777 == 0o600
    assert data.service_keys.stat().st_mode & 0o777 == 0o644
    assert not any("d" in key for key in json.loads(data.service_keys.read_text())["keys"])


def test_a_keyring_reads_a_changed_file_again(tmp_path: Path) -> None:
    data = folder(tmp_path)
    keys = Keyring(data.service_keys, at(NOW))
    keys.verify(of(data, "critic").sign(STATEMENT, TYP), "critic", TYP)

    rotate(data, "critic", NOW)

    assert keys.verify(of(data, "critic").sign(STATEMENT, TYP), "critic", TYP) == STATEMENT


def test_a_replaced_seed_ends_the_old_key_after_the_leeway(tmp_path: Path) -> None:
    data = folder(tmp_path)
    old = of(data, "critic").sign(STATEMENT, TYP)

    rotate(data, "critic", NOW)

    assert Keyring(data.service_keys, at(NOW + 1)).verify(old, "critic", TYP) == STATEMENT
    late = Keyring(data.service_keys, at(NOW + LEEWAY_S + 1))
    with pytest.raises(NotGenuine, match="has ended"):
        late.verify(old, "critic", TYP)
    tomorrow = of(data, "critic", NOW + EPOCH_S).sign(STATEMENT, TYP)
    assert Keyring(data.service_keys, at(NOW + EPOCH_S)).verify(tomorrow, "critic", TYP)


def test_a_leaked_seed_signs_nothing_any_more_but_the_audit_reads_on(tmp_path: Path) -> None:
    data = folder(tmp_path)
    leaked = of(data, "critic")
    old = leaked.sign(STATEMENT, TYP)
    coming = of(data, "critic", NOW + EPOCH_S).sign(STATEMENT, TYP)

    rotate(data, "critic", NOW, leaked=True)

    for within_s in (LEEWAY_S, inf):
        with pytest.raises(NotGenuine, match="revoked"):
            Keyring(data.service_keys, at(NOW)).verify(old, "critic", TYP, within_s)
    with pytest.raises(NotGenuine, match="of no service"):
        Keyring(data.service_keys, at(NOW + EPOCH_S)).verify(coming, "critic", TYP)
    assert Keyring(data.service_keys, at(NOW)).verify(old, "critic", TYP, None) == STATEMENT


def test_the_seed_of_an_unknown_app_is_not_rotated(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no app-id 'stranger'.*critic, planner"):
        rotate(folder(tmp_path), "stranger", NOW)


def test_without_a_file_of_keys_nothing_is_taken(tmp_path: Path) -> None:
    token = signer("critic", at(NOW)).sign(STATEMENT, TYP)

    with pytest.raises(FileNotFoundError):
        Keyring(tmp_path / "none.json", at(NOW)).verify(token, "critic", TYP)
