"""Signatures of clients: whose they are, and every way in which one stands for nothing."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import KeySetSerialization, OctKey, OKPKey

from quartet.contracts.base import Fields, Json
from quartet.trust.signing import NotGenuine, requester, sign, signed_part

KEY = OKPKey.generate_key("Ed25519", parameters={"kid": "k1"})
OTHER = OKPKey.generate_key("Ed25519", parameters={"kid": "k2"})
FOREIGN = OKPKey.generate_key("Ed25519", parameters={"kid": "k1"})
EVENT: Fields = {"id": "1", "source": "/test", "type": "t", "data": {"goal": "Pay.", "n": 3}}


def public(key: OKPKey, name: str) -> dict[str, str]:
    return {k: str(v) for k, v in key.as_dict(private=False).items()} | {"requester": name}


KEYS: KeySetSerialization = {"keys": [public(KEY, "ada"), public(OTHER, "bob")]}  # type: ignore[list-item]


def encoded(value: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def payload() -> str:
    return base64.urlsafe_b64encode(signed_part(EVENT)).decode().rstrip("=")


@pytest.mark.parametrize(("key", "name"), [(KEY, "ada"), (OTHER, "bob")])
def test_a_signed_event_is_of_the_requester_of_its_key(key: OKPKey, name: str) -> None:
    assert requester(EVENT, sign(EVENT, key), KEYS) == name


@pytest.mark.parametrize("attribute", ["id", "source", "type", "data"])
def test_a_signature_covers_the_attribute(attribute: str) -> None:
    changed = EVENT | {attribute: "changed"}

    with pytest.raises(NotGenuine, match="covers another event"):
        requester(changed, sign(EVENT, KEY), KEYS)


def test_what_a_signature_does_not_cover_may_change() -> None:
    assert requester(EVENT | {"time": "now", "traceparent": "x"}, sign(EVENT, KEY), KEYS) == "ada"


def test_a_key_of_a_stranger_under_a_known_name_is_refused() -> None:
    with pytest.raises(NotGenuine, match="known key"):
        requester(EVENT, sign(EVENT, FOREIGN), KEYS)


def test_a_key_that_nobody_knows_is_refused() -> None:
    stranger = OKPKey.generate_key("Ed25519", parameters={"kid": "k3"})

    with pytest.raises(NotGenuine):
        requester(EVENT, sign(EVENT, stranger), KEYS)


def test_no_algorithm_is_refused() -> None:
    unsigned = f"{encoded({'alg': 'none', 'kid': 'k1'})}.{payload()}."

    with pytest.raises(NotGenuine):
        requester(EVENT, unsigned, KEYS)


def test_the_public_key_as_a_shared_secret_is_refused() -> None:
    secret = OctKey.import_key(base64.urlsafe_b64decode(str(KEYS["keys"][0]["x"]) + "=="))
    forged = jws.serialize_compact(
        {"alg": "HS256", "kid": "k1"}, signed_part(EVENT), secret, algorithms=["HS256"]
    )

    with pytest.raises(NotGenuine):
        requester(EVENT, forged, KEYS)


def test_a_signature_that_names_no_key_is_refused() -> None:
    nameless = jws.serialize_compact(
        {"alg": "Ed25519"}, signed_part(EVENT), KEY, algorithms=["Ed25519"]
    )
    one: KeySetSerialization = {"keys": KEYS["keys"][:1]}

    for keys in (KEYS, one):
        with pytest.raises(NotGenuine):
            requester(EVENT, nameless, keys)


@given(st.text(max_size=60))
def test_no_other_text_is_a_signature(text: str) -> None:
    with pytest.raises(NotGenuine):
        requester(EVENT, text, KEYS)


@given(st.integers(0, 200), st.sampled_from("AZaz09-_."))
def test_a_signature_with_a_changed_letter_is_refused(at: int, letter: str) -> None:
    genuine = sign(EVENT, KEY)
    at %= len(genuine) - 1
    forged = genuine[:at] + letter + genuine[at + 1 :]

    if forged != genuine:
        with pytest.raises(NotGenuine):
            requester(EVENT, forged, KEYS)


def test_data_without_a_canonical_form_is_refused() -> None:
    with pytest.raises(NotGenuine):
        requester(EVENT | {"data": {"n": 2**60}}, sign(EVENT, KEY), KEYS)
