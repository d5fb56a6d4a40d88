"""Signatures over the canonical form of an event (JWS, Ed25519); keys are arguments.

A client signs the signed part itself, a service a statement of it in which data is a digest.
"""

from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization, OKPKey

from quartet.contracts.base import Json
from quartet.trust.digest import canonical, digest

ALGORITHMS = ["Ed25519"]
EVENT = "quartet-event+jws"
"""The type of what a service signs about its event."""
MALFORMED = (
    JoseError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    RecursionError,
)
"""All that reading a JWS from anywhere may raise: joserfc trusts the shape of a header."""


class NotGenuine(Exception):
    """A signature does not stand for what it was sent with; the text says why."""


def signed_part(event: dict[str, Json]) -> bytes:
    """Return the bytes that a signature of an event covers: id, source, type and data."""
    return canonical({name: event.get(name) for name in ("id", "source", "type", "data")})


def event_statement(event: Mapping[str, Json]) -> dict[str, Json]:
    """Return what a service signs about its event: id, source, type and the digest of its data.

    Raises ValueError for data that has no canonical form.
    """
    named = {name: event.get(name) for name in ("id", "source", "type")}
    return {**named, "data": digest(event.get("data"))}


def sign(event: dict[str, Json], key: OKPKey) -> str:
    """Return the signature of an event: a compact JWS whose payload is the signed part."""
    header = {"alg": "Ed25519", "kid": str(key.kid)}
    return jws.serialize_compact(header, signed_part(event), key, algorithms=ALGORITHMS)


def requester(event: dict[str, Json], signature: str, keys: KeySetSerialization) -> str:
    """Return who signed the event: the ``requester`` of its key; raises as ``signing_key`` does."""
    return str(signing_key(event, signature, keys)["requester"])


def signing_key(
    event: dict[str, Json], signature: str, keys: KeySetSerialization
) -> Mapping[str, Any]:
    """Return the public key of the JWKS ``keys`` that signed the event, with its members.

    Raises NotGenuine when the key is unknown, the signature false, or over another event.
    """
    try:
        found = jws.deserialize_compact(
            signature, KeySet.import_key_set(keys), algorithms=ALGORITHMS
        )
        covered = signed_part(event)
    except MALFORMED as error:
        raise NotGenuine(f"the signature is not of a known key ({type(error).__name__})") from error
    if found.payload != covered:
        raise NotGenuine("the signature covers another event")
    kid = found.headers().get("kid")
    for key in keys["keys"]:
        if kid is not None and key.get("kid") == kid:
            return key
    raise NotGenuine("the signature names no key (kid)")
