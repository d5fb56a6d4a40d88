"""Secrets, accounts and addresses in text: what is found, what is masked, what is left alone."""

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from quartet.trust.sensitive import find, masked, masked_fields

IBAN = "DE80284559419069782389"


def token(**header: str) -> str:
    """A compact token with this header."""
    head = urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return f"{head}.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


SECRETS = {
    "a bearer token": token(alg="Ed25519", typ="JWT"),
    "a token of no type": token(alg="RS256"),
    "a transaction token": token(alg="Ed25519", typ="txntoken+jwt"),
    "a key block": "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----",
    "a key block without its end": "-----BEGIN PRIVATE KEY-----\nMHcCAQEE",
    "a private JWK": json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)),
    "a model's key": "sk-proj-abcdefghijklmnopqrstuvwx",
    "a cloud's key": "AKIAIOSFODNN7EXAMPLE",
}
HARMLESS = {
    "a digest": "sha256:" + "ab" * 32,
    "a reference": "$val-0123456789abcdef.iban",
    "a signed statement": token(alg="Ed25519", typ="quartet-verdict"),
    "what only looks like a token": "eyJhbGciOiJub25l.e30.x",
    "an account with wrong check digits": "DE81284559419069782389",
    "a VAT id": "DE123456789",
    "an order": "PO-4567890 of 2026-11-02, 1,234.50 EUR",
    "words": "Please call us about invoice R-2026/00042.",
    "a public JWK": json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=False)),
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=list(SECRETS))
def test_a_secret_is_taken_out_of_a_text(secret: str) -> None:
    text = masked(f"before {secret} after")

    assert secret not in text
    assert text.startswith("before ")
    assert "[" in text


@pytest.mark.parametrize("text", HARMLESS.values(), ids=list(HARMLESS))
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("written", [IBAN, "DE80 2845 5941 9069 7823 89", f"{IBAN}, thanks"])
def test_an_account_number_keeps_its_country_and_last_digits(written: str) -> None:
    text = masked(f"pay to {written}")

    assert text.startswith("pay to DE..2389")
    assert "28455941" not in text.replace(" ", "")


def test_a_secret_of_our_own_is_known_whatever_its_form() -> None:
    assert masked("it is hunter2-hunter2", frozenset(("hunter2-hunter2",))) == "it is [token]"


def test_texts_anywhere_in_a_json_object_are_masked() -> None:
    assert masked_fields({"a": [{"b": f"to {IBAN}"}], "n": 1, "none": None}) == {
        "a": [{"b": "to DE..2389"}],
        "n": 1,
        "none": None,
    }


def test_an_address_is_found_and_left_in_logs() -> None:
    assert [f.kind for f in find("write to carol@example.org")] == ["email-address"]
    assert masked("write to carol@example.org") == "write to carol@example.org"


@given(st.text(max_size=200))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert masked(masked(text)) == masked(text)
