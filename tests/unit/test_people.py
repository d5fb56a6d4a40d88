"""Bearer tokens of people: whom one signs in, and every way in which one signs nobody in."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySetSerialization, OctKey, OKPKey, RSAKey

from quartet.contracts.base import Fields
from quartet.contracts.person import Person
from quartet.trust.people import (
    ALGORITHMS,
    AUDIENCE,
    LEEWAY_S,
    LOCAL_ISSUER,
    Issuer,
    NotSignedIn,
    mint,
    verify,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
KEY = OKPKey.generate_key("Ed25519", {"kid": "k1", "use": "sig"})
FOREIGN = OKPKey.generate_key("Ed25519", {"kid": "k1"})
CURVE = ECKey.generate_key("P-256", {"kid": "k2"})
RSA = RSAKey.generate_key(2048, {"kid": "k3"})
KEYS = KeySetSerialization(keys=[k.as_dict(private=False) for k in (KEY, CURVE, RSA)])
ALICE = Person(name="alice", tenant="acme", roles=("approver",), groups=("approvers", "finance"))
CLAIMS: Fields = {
    "iss": LOCAL_ISSUER,
    "aud": AUDIENCE,
    "sub": "alice",
    "iat": AT,
    "nbf": AT,
    "exp": AT + 600,
    "tenant": "acme",
    "roles": ["approver"],
    "groups": ["approvers", "finance"],
}


def token(key: Any = KEY, alg: str = "Ed25519", header: Fields | None = None, **other: Any) -> str:
    """Return a token with these claims in place of the usual ones; None leaves one out."""
    claims = {name: value for name, value in (CLAIMS | other).items() if value is not None}
    head = {"alg": alg, "typ": "JWT", "kid": key.kid} | (header or {})
    named = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(named, claims, key, algorithms=[alg], default_type=None)


def encoded(value: Fields) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def person(sent: str, now: datetime = NOW) -> Person:
    return verify(sent, KEYS, LOCAL_ISSUER, AUDIENCE, now)


def test_a_minted_token_signs_its_person_in() -> None:
    assert person(mint(ALICE, Issuer(KEY), NOW, timedelta(minutes=5))) == ALICE


@pytest.mark.parametrize(("key", "alg"), [(KEY, "Ed25519"), (CURVE, "ES256"), (RSA, "RS256")])
def test_each_algorithm_of_the_list_signs_in(key: Key, alg: str) -> None:
    assert person(token(key, alg)) == ALICE


def test_the_old_name_of_ed25519_signs_in_too() -> None:
    with pytest.warns(Warning, match="EdDSA"):
        sent = token(KEY, "EdDSA")
    with pytest.warns(Warning, match="EdDSA"):
        assert person(sent) == ALICE


def test_an_access_token_and_a_list_of_audiences_sign_in() -> None:
    assert person(token(header={"typ": "at+jwt"}, aud=["other", AUDIENCE])) == ALICE


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"exp": None},
        {"exp": AT - LEEWAY_S},
        {"exp": "tomorrow"},
        {"nbf": AT + LEEWAY_S + 1},
        {"iat": None},
        {"iat": AT + LEEWAY_S + 1},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a" * 201},
        {"sub": "al\nice"},
        {"sub": "anonymous"},
        {"tenant": None},
        {"tenant": "Not A Name"},
        {"tenant": 7},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_signs_nobody_in(wrong: dict[str, Any]) -> None:
    with pytest.raises(NotSignedIn):
        person(token(**wrong))


def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    edge = token(nbf=AT + LEEWAY_S, iat=AT + LEEWAY_S, exp=AT - LEEWAY_S + 1)

    assert person(edge) == ALICE
    with pytest.raises(NotSignedIn, match="expired"):
        person(edge, NOW + timedelta(seconds=1))


@pytest.mark.parametrize("typ", [None, "txntoken+jwt", "JWS", ""])
def test_a_token_of_another_type_signs_nobody_in(typ: str | None) -> None:
    with pytest.raises(NotSignedIn, match="type"):
        person(token(header={"typ": typ}))


@pytest.mark.parametrize("kid", [None, "k9", ""])
def test_a_token_that_names_no_key_of_the_issuer_signs_nobody_in(kid: str | None) -> None:
    with pytest.raises(NotSignedIn):
        person(token(header={"kid": kid}))


def test_a_key_of_a_stranger_under_a_known_name_signs_nobody_in() -> None:
    with pytest.raises(NotSignedIn, match="signature"):
        person(token(FOREIGN))


def test_no_algorithm_signs_nobody_in() -> None:
    header: Fields = {"alg": "none", "typ": "JWT", "kid": "k1"}

    for alg in ("none", "None", ""):
        with pytest.raises(NotSignedIn):
            person(f"{encoded(header | {'alg': alg})}.{encoded(CLAIMS)}.")


def test_the_public_key_as_a_shared_secret_signs_nobody_in() -> None:
    for number, named in ((0, "x"), (2, "n")):
        public = str(KEYS["keys"][number][named])
        shared = OctKey.import_key(base64.urlsafe_b64decode(public + "=="))
        header = {"alg": "HS256", "typ": "JWT", "kid": "k1"}
        forged = jwt.encode(header, CLAIMS, shared, algorithms=["HS256"])

        with pytest.raises(NotSignedIn):
            person(forged)


def test_a_critical_header_that_nobody_knows_signs_nobody_in() -> None:
    header: Fields = {"alg": "Ed25519", "typ": "JWT", "kid": "k1", "crit": ["x"], "x": 1}
    signed = f"{encoded(header)}.{encoded(CLAIMS)}"
    plain = KEY.get_op_key("sign").sign(signed.encode())  # type: ignore[union-attr]
    signature = base64.urlsafe_b64encode(plain).decode().rstrip("=")

    with pytest.raises(NotSignedIn, match="UnsupportedHeader"):
        person(f"{signed}.{signature}")


def test_a_short_rsa_key_and_one_for_secrets_sign_nobody_in() -> None:
    with pytest.warns(Warning, match="2048"):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    sealing = OKPKey.generate_key("Ed25519", {"kid": "sealing", "use": "enc"})
    keys = KeySetSerialization(keys=[k.as_dict(private=False) for k in (short, sealing)])

    with pytest.raises(NotSignedIn, match="fewer than 2048"):
        verify(token(short, "RS256"), keys, LOCAL_ISSUER, AUDIENCE, NOW)
    with pytest.raises(NotSignedIn, match="not one for signatures"):
        verify(token(header={"kid": "sealing"}), keys, LOCAL_ISSUER, AUDIENCE, NOW)


def test_a_key_id_that_two_keys_have_signs_nobody_in() -> None:
    twice = KeySetSerialization(keys=[KEYS["keys"][0], FOREIGN.as_dict(private=False)])

    with pytest.raises(NotSignedIn, match="names no key"):
        verify(token(), twice, LOCAL_ISSUER, AUDIENCE, NOW)


def test_roles_that_nobody_knows_and_groups_that_are_no_names_count_for_nothing() -> None:
    sent = token(
        roles=["root", "Admin", "approver", "auditor", 7, "approver"], groups=["ok", "No !", 7]
    )

    found = person(sent)

    assert found.roles == ("approver", "auditor")
    assert found.groups == ("ok",)


@pytest.mark.parametrize("roles", ["admin", {"admin": True}, None, 7])
def test_roles_that_are_no_list_are_none(roles: Any) -> None:
    assert person(token(roles=roles)).roles == ()


@given(st.text(max_size=80))
def test_no_other_text_signs_anybody_in(text: str) -> None:
    with pytest.raises(NotSignedIn):
        person(text)


def test_a_token_that_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(NotSignedIn, match="too long"):
        person(token(roles=["x" * 9000]))


@given(st.integers(0, 600), st.sampled_from("AZaz09-_."))
def test_a_token_with_a_changed_letter_signs_nobody_in(at: int, letter: str) -> None:
    genuine = token()
    at %= len(genuine) - 1
    forged = genuine[:at] + letter + genuine[at + 1 :]

    if forged != genuine:
        with pytest.raises(NotSignedIn):
            person(forged)


def test_nothing_but_public_key_algorithms_is_on_the_list() -> None:
    assert set(ALGORITHMS) == {"Ed25519", "EdDSA", "ES256", "RS256"}
