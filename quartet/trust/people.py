"""Who signed in: bearer tokens of people (OIDC/JWT) made and verified; keys and time are arguments.

Where keys come from, and which issuer counts, is the service's business.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import uuid4

from joserfc import jwk, jwt
from joserfc.errors import ExpiredTokenError
from joserfc.jwk import KeySetSerialization, OKPKey
from joserfc.jws import extract_compact
from pydantic import TypeAdapter, ValidationError

from quartet.contracts.base import Name
from quartet.contracts.person import Person, Role
from quartet.contracts.task import ANONYMOUS
from quartet.trust.signing import MALFORMED

LOCAL_ISSUER = "urn:quartet:local-issuer"
AUDIENCE = "quartet"
ALGORITHMS = ("Ed25519", "EdDSA", "ES256", "RS256")
TYPES = ("jwt", "at+jwt")
"""An access token or an ID token; a transaction token (``txntoken+jwt``) signs nobody in."""
LEEWAY_S = 60
LEAST_RSA_BITS = 2048
LONGEST_TOKEN = 8192
_NAME = TypeAdapter(Name)


class NotSignedIn(Exception):
    """There is no valid bearer token of a person; the text says what is wrong with what came."""


def verify(
    token: str, keys: KeySetSerialization, issuer: str, audience: str, now: datetime
) -> Person:
    """Return whom a bearer token stands for.

    ``keys`` is the issuer's public JWKS. The claims ``sub``, ``tenant``, ``roles`` and ``groups``
    make the person; unknown roles, and groups that are no names here, count for nothing. Raises
    NotSignedIn.
    """
    claims = _genuine(token, keys)
    rules = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_S,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )
    try:
        rules.validate(claims)
    except ExpiredTokenError as error:
        raise NotSignedIn("it has expired") from error
    except MALFORMED as error:
        raise NotSignedIn(f"it is not for here and now ({error})") from error
    return _person(claims)


@dataclass(frozen=True)
class Issuer:
    """One who signs people in: its private key, its name and for whom its tokens are."""

    key: OKPKey = field(repr=False)
    name: str = LOCAL_ISSUER
    audience: str = AUDIENCE


def mint(person: Person, issuer: Issuer, now: datetime, life: timedelta) -> str:
    """Return a token that signs a person in until ``now + life``."""
    issued = int(now.timestamp())
    claims = {
        "iss": issuer.name,
        "aud": issuer.audience,
        "sub": person.name,
        "iat": issued,
        "nbf": issued,
        "exp": issued + int(life.total_seconds()),
        "jti": str(uuid4()),
        "tenant": person.tenant,
        "roles": list(person.roles),
        "groups": list(person.groups),
    }
    header = {"alg": "Ed25519", "typ": "JWT", "kid": str(issuer.key.kid)}
    return jwt.encode(header, claims, issuer.key, algorithms=["Ed25519"])


def _genuine(token: str, keys: KeySetSerialization) -> dict[str, Any]:
    """Return the claims of a token that one of the keys has signed."""
    if not token or len(token) > LONGEST_TOKEN:
        raise NotSignedIn("there is none" if not token else "it is too long")
    try:
        header = extract_compact(token.encode()).headers()
        if str(header.get("typ", "")).lower() not in TYPES:
            raise NotSignedIn("it is of another type than JWT")
        key = jwk.import_key(_key_of(header.get("kid"), keys))
        return jwt.decode(token, key, algorithms=ALGORITHMS).claims
    except MALFORMED as error:
        raise NotSignedIn(f"its signature is not of the issuer ({type(error).__name__})") from error


def _key_of(kid: object, keys: KeySetSerialization) -> Any:  # noqa: ANN401 - joserfc's own type
    found = [key for key in keys["keys"] if kid is not None and key.get("kid") == kid]
    if len(found) != 1:
        raise NotSignedIn("it names no key of the issuer")
    key = found[0]
    if key.get("kty") not in ("OKP", "EC", "RSA") or key.get("use", "sig") != "sig":
        raise NotSignedIn("its key is not one for signatures")
    if key["kty"] == "RSA" and _bits(str(key.get("n", ""))) < LEAST_RSA_BITS:
        raise NotSignedIn(f"its key has fewer than {LEAST_RSA_BITS} bits")
    return key


def _bits(number: str) -> int:
    try:
        return int.from_bytes(base64.urlsafe_b64decode(f"{number}==")).bit_length()
    except binascii.Error:
        return 0


def _person(claims: dict[str, Any]) -> Person:
    name = str(claims["sub"])
    if not name or len(name) > 200 or not name.isprintable() or name == ANONYMOUS:
        raise NotSignedIn("its subject is no name of a person")
    try:
        tenant = _NAME.validate_python(claims.get("tenant"), strict=True)
    except ValidationError as error:
        raise NotSignedIn("it names no tenant") from error
    given = _texts(claims.get("roles"))
    roles: tuple[Role, ...] = tuple(role for role in get_args(Role) if role in given)
    groups = tuple(dict.fromkeys(filter(_is_name, _texts(claims.get("groups")))))
    return Person(name=name, tenant=tenant, roles=roles, groups=groups)


def _texts(claim: object) -> Sequence[str]:
    """Return the texts of a claim that is a list; anything else counts for nothing."""
    return [text for text in claim if isinstance(text, str)] if isinstance(claim, list) else []


def _is_name(text: str) -> bool:
    try:
        _NAME.validate_python(text)
    except ValidationError:
        return False
    return True
