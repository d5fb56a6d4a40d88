"""The tokens by which sidecars, placement and scheduler prove to Sentry who they are.

Minted by the supervisor from a key of its own, one file a subject, renewed before they expire.
Sentry reads the public keys, and daprd its token, anew at each renewal of a certificate.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from joserfc import jwt
from joserfc.jwk import ECKey

from quartet.runtime.layout import (
    CONTROL_PLANE_TRUST_DOMAIN,
    NAMESPACE,
    SIDECAR_TRUST_DOMAIN,
    DataFolder,
)
from quartet.runtime.secret_files import write_secret

CONTROL_SUBJECTS = ("dapr-placement", "dapr-scheduler")
TOKEN_LIFE_S = 600
KEY_LIFE_S = 24 * 3600
SETTLES_S = 30
"""A new key signs only after so long: by then Sentry has read its public half."""
SENTRY_LENIENCE_S = 300
"""Dapr 1.18 takes a token for valid so long after its end; nothing sets that."""


def identity(subject: str) -> str:
    """Return the SPIFFE ID of an app-id's sidecar or of a part of the control plane."""
    control = subject.startswith("dapr-")
    domain = CONTROL_PLANE_TRUST_DOMAIN if control else SIDECAR_TRUST_DOMAIN
    return f"spiffe://{domain}/ns/{NAMESPACE}/{subject}"


AUDIENCE = identity("dapr-sentry")


@dataclass(frozen=True)
class MintingKey:
    """A private P-256 key and when it was made, in seconds since the epoch."""

    made: int
    key: ECKey

    @classmethod
    def new(cls, now: float) -> "MintingKey":
        """Make a key."""
        key = ECKey.generate_key("P-256", parameters={"use": "sig", "alg": "ES256"})
        return cls(
            int(now), ECKey.import_key({**key.as_dict(private=True), "kid": key.thumbprint()})
        )

    @classmethod
    def read(cls, written: Mapping[str, object]) -> "MintingKey":
        """Return the key that `written` describes."""
        made, jwk = written["made"], written["jwk"]
        if not isinstance(made, int) or not isinstance(jwk, dict):
            raise TypeError("a minting key is written as its age and its JWK")
        return cls(made, ECKey.import_key(jwk))

    def written(self) -> dict[str, object]:
        """Return the private key and its age, for the file that the supervisor alone reads."""
        return {"made": self.made, "jwk": self.key.as_dict(private=True)}


def signing(keys: Sequence[MintingKey], now: float) -> MintingKey:
    """Return the key that signs now: the newest one that everybody has had time to read."""
    settled = [one for one in keys if one.made + SETTLES_S <= now]
    return max(settled or keys, key=lambda one: one.made if settled else -one.made)


def turned(keys: Sequence[MintingKey], now: float) -> tuple[MintingKey, ...]:
    """Return the keys to go on with: a new one where due, without those nobody needs any more."""
    newest = max((one.made for one in keys), default=None)
    if newest is None or newest + KEY_LIFE_S <= now:
        return (*keys, MintingKey.new(now))
    spent = now - SETTLES_S - TOKEN_LIFE_S - SENTRY_LENIENCE_S
    replaced = max((one.made for one in keys if one.made <= spent), default=0)
    return tuple(one for one in keys if one.made >= replaced)


def token(minting: MintingKey, subject: str, now: float, life_s: int = TOKEN_LIFE_S) -> str:
    """Return a token by which `subject` gets its certificate from Sentry."""
    claims = {
        "aud": AUDIENCE,
        "sub": identity(subject),
        "iat": int(now),
        "exp": int(now) + life_s,
    }
    header = {"alg": "ES256", "kid": minting.key.kid}
    return jwt.encode(header, claims, minting.key, algorithms=["ES256"])


class Mint:
    """Keeps the minting keys of one data folder, and a fresh token for each subject."""

    def __init__(self, data: DataFolder) -> None:
        """Take the data folder; nothing is written yet."""
        self._data = data
        self._private = data.attestation / "minting-keys.json"
        self._fresh_until: dict[str, float] = {}

    def renew(self, now: float | None = None) -> None:
        """Turn the keys and mint the tokens that are missing or half-way to their end."""
        now = time.time() if now is None else now
        stale = [one for one in self._subjects() if not self._is_fresh(one, now)]
        if not stale:
            return
        minting = signing(self._keys(now), now)
        for subject in stale:
            write_secret(self._data.sentry_token(subject), token(minting, subject, now))
            self._fresh_until[subject] = now + TOKEN_LIFE_S / 2

    def _subjects(self) -> tuple[str, ...]:
        return (*CONTROL_SUBJECTS, *json.loads(self._data.app_ids.read_text()))

    def _is_fresh(self, subject: str, now: float) -> bool:
        until = self._fresh_until.get(subject, 0)
        # A clock that was put back would make them last for ever.
        soon = until - TOKEN_LIFE_S <= now < until
        return soon and self._data.sentry_token(subject).exists()

    def _keys(self, now: float) -> tuple[MintingKey, ...]:
        written = json.loads(self._private.read_text()) if self._private.exists() else []
        before = tuple(MintingKey.read(one) for one in written)
        keys = turned(before, now)
        if keys != before:
            write_secret(self._private, json.dumps([one.written() for one in keys]) + "\n")
        public = {"keys": [one.key.as_dict(private=False) for one in keys]}
        text = json.dumps(public) + "\n"
        path = self._data.attestation_keys
        if not path.exists() or path.read_text() != text:
            write_secret(path, text)
        return keys
