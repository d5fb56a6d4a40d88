"""Keys of the services: whose they are, signing and verifying with them; publishing is elsewhere.

Each app-id has a secret seed; its Ed25519 key of an epoch is derived from seed, app-id and epoch,
so keys change by themselves. The public keys of all app-ids stand in one JWKS file, each with the
app-id it belongs to (``app``) and the seconds between which it signs (``nbf``, ``exp``).
"""

import hashlib
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quartet.contracts.base import Fields, Json
from quartet.trust.digest import canonical
from quartet.trust.signing import NotGenuine

Clock = Callable[[], float]
"""Seconds since 1970."""
EPOCH_S = 86_400
LEEWAY_S = 600.0
"""How long after the end of its epoch, and before its start, a key is still taken."""
_HEADER = frozenset(("alg", "kid", "typ"))


def derived(seed: bytes, app_id: str, epoch: int) -> Ed25519PrivateKey:
    """Return the signing key of an app-id in an epoch (whole epochs since 1970)."""
    info = f"quartet/signing/{app_id}/{epoch}".encode()
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(seed)
    return Ed25519PrivateKey.from_private_bytes(made)


def published(seed: bytes, app_id: str, epoch: int, epoch_s: int = EPOCH_S) -> Fields:
    """Return the public JWK of an app-id in an epoch, as it stands in the file."""
    public = derived(seed, app_id, epoch).public_key().public_bytes_raw()
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": _encoded(public),
        "alg": "Ed25519",
        "use": "sig",
        "kid": _kid(app_id, epoch, public),
        "app": app_id,
        "nbf": epoch * epoch_s,
        "exp": (epoch + 1) * epoch_s,
    }


def _kid(app_id: str, epoch: int, public: bytes) -> str:
    """Return ``<app-id>.<epoch>.<fingerprint>``: a replaced seed makes another key in an epoch."""
    return f"{app_id}.{epoch}.{hashlib.sha256(public).hexdigest()[:8]}"


class Signer:
    """Signs as one app-id, with the key of the present epoch; safe to share between threads."""

    def __init__(
        self,
        app_id: str,
        seed: Callable[[], bytes],
        clock: Clock = time.time,
        epoch_s: int = EPOCH_S,
    ) -> None:
        """Take the app-id and where its seed is read, once an epoch."""
        self.app_id = app_id
        self._seed, self._clock, self._epoch_s = seed, clock, epoch_s
        self._present: tuple[int, Ed25519PrivateKey, str] | None = None

    def sign(self, statement: Json, typ: str) -> str:
        """Return the statement as a compact JWS of this type; raises what reading the seed does."""
        _, key, kid = self._key()
        header: Json = {"alg": "Ed25519", "kid": kid, "typ": typ}
        signed = f"{_encoded(canonical(header))}.{_encoded(canonical(statement))}"
        return f"{signed}.{_encoded(key.sign(signed.encode()))}"

    def _key(self) -> tuple[int, Ed25519PrivateKey, str]:
        epoch = int(self._clock()) // self._epoch_s
        present = self._present
        if present is None or present[0] != epoch:
            key = derived(self._seed(), self.app_id, epoch)
            kid = _kid(self.app_id, epoch, key.public_key().public_bytes_raw())
            self._present = present = (epoch, key, kid)
        return present


@dataclass(frozen=True)
class _Known:
    """A public key of the file."""

    app: str
    public: bytes
    begins: float
    ends: float
    revoked: bool


@dataclass
class Keyring:
    """The public keys of all services, read again whenever the file changes."""

    path: Path
    clock: Clock = time.time
    _stamp: tuple[int, int, int] | None = None
    _keys: Mapping[str, _Known] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def verify(self, jws: str, by: str, typ: str, within_s: float | None = LEEWAY_S) -> Json:
        """Return what ``by`` has signed as a statement of this type.

        ``within_s`` is how long ago the epoch of its key may have ended; None is for the audit: any
        past epoch, and keys that were revoked since. Raises NotGenuine, and OSError without keys.
        """
        header, payload, signature = _parts(jws)
        if header["alg"] != "Ed25519":
            raise NotGenuine(f"algorithm {header['alg']!r} is not Ed25519")
        if header["typ"] != typ:
            raise NotGenuine(f"it is a {header['typ']!r}, not a {typ!r}")
        known = self._known(header["kid"], by)
        self._check_time(known, within_s)
        if not _holds(known.public, jws.rpartition(".")[0], signature):
            raise NotGenuine("the signature is false")
        statement: Json = json.loads(payload)
        return statement

    def _known(self, kid: str, by: str) -> _Known:
        known = self._read().get(kid)
        if known is None:
            raise NotGenuine(f"key {kid[:100]!r} is of no service")
        if known.app != by:
            raise NotGenuine(f"{known.app} signed it; only {by} may")
        return known

    def _check_time(self, known: _Known, within_s: float | None) -> None:
        now = self.clock()
        if known.begins > now + LEEWAY_S:
            raise NotGenuine(f"the key of {known.app} is of an epoch that has not begun")
        if within_s is None:
            return
        if known.revoked:
            raise NotGenuine(f"the key of {known.app} was revoked")
        if known.ends < now - within_s:
            raise NotGenuine(f"the key of {known.app} is of an epoch that has ended")

    def _read(self) -> Mapping[str, _Known]:
        found = self.path.stat()
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        if stamp != self._stamp:
            with self._lock:
                keys = json.loads(self.path.read_text(encoding="utf-8"))["keys"]
                self._keys = {key["kid"]: _imported(key) for key in keys}
                self._stamp = stamp
        return self._keys


def _imported(key: Mapping[str, Any]) -> _Known:
    return _Known(
        app=key["app"],
        public=_decoded(key["x"]),
        begins=key["nbf"],
        ends=key["exp"],
        revoked=key.get("revoked", False),
    )


def _parts(jws: str) -> tuple[dict[str, str], bytes, bytes]:
    """Return header, payload and signature of a compact JWS; a header has no other member."""
    parts = jws.split(".")
    if len(parts) != 3 or len(parts[0]) > 1000:
        raise NotGenuine("it is no compact JWS")
    try:
        first, payload, signature = map(_decoded, parts)
        header = json.loads(first)
    except ValueError as error:
        raise NotGenuine("it is no compact JWS") from error
    if not isinstance(header, dict) or header.keys() != _HEADER:
        raise NotGenuine("its header has not exactly alg, kid and typ")
    if not all(isinstance(value, str) for value in header.values()):
        raise NotGenuine("its header is not made of text")
    return header, payload, signature


@lru_cache(maxsize=2048)
def _holds(public: bytes, signed: str, signature: bytes) -> bool:
    """Return whether a signature is of this key; plans and tokens are looked at many times."""
    try:
        _public_key(public).verify(signature, signed.encode())
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=2048)
def _public_key(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


def _encoded(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """Return the bytes of unpadded base64url; raises ValueError for any other spelling of them."""
    try:
        value = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except Base64Error as error:
        raise ValueError("no base64url") from error
    if _encoded(value) != text:
        raise ValueError("not the one spelling of these bytes")
    return value
