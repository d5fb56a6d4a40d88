"""Who asks: the person of a request, from the issuer that this suite trusts; rules are elsewhere.

The console takes the bearer from ``Authorization`` and passes it on as ``Person-Token``; the
services behind it verify it again, so a console alone neither decides nor reads for anybody.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import Request
from joserfc.jwk import KeySetSerialization

from quartet.contracts.person import DEFAULT_TENANT, Person, Role
from quartet.resilience.failures import Abandon, RetryLater
from quartet.service.log import get_logger
from quartet.service.settings import Settings
from quartet.sidecar.client import PERSON_TOKEN
from quartet.trust.people import NotSignedIn, verify

AGAIN = timedelta(seconds=10)
"""How soon an issuer that did not answer is asked again."""
FRESH = timedelta(minutes=5)
"""How long fetched keys are used before they are fetched again."""
LAST = timedelta(hours=1)
"""How long fetched keys count while the issuer does not answer; after that nobody comes in."""
LARGEST_KEYS = 256 * 1024
NEVER = datetime.min.replace(tzinfo=UTC)
log = get_logger("people")


class SignInRefused(Abandon):
    """There is no valid bearer token of a person."""

    status = 401


class NotAllowed(Abandon):
    """The person who asks has not the role that this takes."""

    status = 403


class IssuerAway(RetryLater):
    """The issuer's keys cannot be had, so nobody can be signed in."""


def utc_now() -> datetime:
    """Return the moment, UTC."""
    return datetime.now(UTC)


@dataclass
class SignIn:
    """The issuer that counts, and its keys: read from a file at each sign-in, or fetched."""

    issuer: str
    audience: str
    keys: str
    """A file, or the https address of a JWKS."""
    clock: Callable[[], datetime] = utc_now
    _fetched: KeySetSerialization | None = None
    _at: datetime = NEVER
    _tried: datetime = NEVER
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def person(self, token: str) -> Person:
        """Return whom a token stands for; raises SignInRefused or IssuerAway."""
        try:
            return verify(token, self._keys(), self.issuer, self.audience, self.clock())
        except NotSignedIn as error:
            raise refused(str(error)) from error

    def _keys(self) -> KeySetSerialization:
        if not self.keys.startswith("https://"):
            try:
                return _parsed(Path(self.keys).read_bytes())
            except (OSError, ValueError) as error:
                raise _away(type(error).__name__) from error
        with self._lock:
            return self._cached()

    def _cached(self) -> KeySetSerialization:
        now = self.clock()
        if now - self._at >= FRESH and now - self._tried >= AGAIN:
            self._tried = now
            try:
                self._fetched, self._at = fetch(self.keys), now
            except (httpx.HTTPError, ValueError) as error:
                log.warning("the issuer's keys: %s", error)
        if self._fetched is None or now - self._at >= LAST:
            raise _away("its address gives none")
        return self._fetched


def sign_in_of(settings: Settings) -> SignIn:
    """Return the sign-in of a service: the issuer of its settings, else the local one."""
    return SignIn(
        issuer=settings.issuer,
        audience=settings.audience,
        keys=settings.issuer_keys or str(settings.data / "trust" / "people.jwks.json"),
    )


def person_of(request: Request) -> Person:
    """Return the person for whom the console calls (a FastAPI dependency); raises SignInRefused."""
    return _signed_in(request, request.headers.getlist(PERSON_TOKEN))


@dataclass(frozen=True)
class Asker:
    """Who asks the console, with the token that the services behind it verify again."""

    person: Person
    token: str = field(repr=False)


def asker_of(request: Request) -> Asker:
    """Return who asks the console (a FastAPI dependency); raises SignInRefused.

    Nothing but the ``Authorization`` header counts, which no foreign page can make a browser send.
    """
    sent = request.headers.getlist("authorization")
    if len(sent) != 1 or not sent[0].startswith("Bearer "):
        raise refused("there is none")
    token = sent[0].removeprefix("Bearer ")
    return Asker(_signed_in(request, [token]), token)


def asker_with(*roles: Role) -> Callable[[Request], Asker]:
    """Return a dependency that gives who asks, if the person has one of the roles."""

    def asker(request: Request) -> Asker:
        found = asker_of(request)
        need(found.person, *roles)
        return found

    return asker


def _signed_in(request: Request, tokens: list[str]) -> Person:
    if len(tokens) != 1:
        raise refused("there is none" if not tokens else "there is more than one")
    sign_in: SignIn = request.app.state.sign_in
    return sign_in.person(tokens[0])


def need(person: Person, *roles: Role) -> None:
    """Raise NotAllowed unless the person has one of the roles, or is admin."""
    if not person.has(*roles):
        raise NotAllowed(
            f"{person.name} has the roles {', '.join(person.roles) or 'none'}; this takes "
            f"{' or '.join(roles)}. Ask somebody who has it.",
            cause="policy",
        )


def need_suite(person: Person, *roles: Role) -> None:
    """Raise NotAllowed unless the person has a role, and it holds for the suite as a whole."""
    need(person, *roles)
    if not person.runs_suite:
        raise NotAllowed(
            f"This belongs to no tenant; it is for people of the tenant {DEFAULT_TENANT!r}, not "
            f"of {person.tenant!r}.",
            cause="policy",
        )


def refused(what: str) -> SignInRefused:
    """Return the refusal of a token."""
    return SignInRefused(
        f"The bearer token signs nobody in: {what}. Sign in again (`quartet login NAME`) and send "
        "`Authorization: Bearer <token>`.",
        cause="policy",
        title="NotSignedIn",
    )


def fetch(address: str) -> KeySetSerialization:
    """Return the JWKS of an address; raises ``httpx.HTTPError`` or ValueError."""
    answer = httpx.get(address, timeout=5, follow_redirects=False, trust_env=False)
    answer.raise_for_status()
    if not answer.is_success or len(answer.content) > LARGEST_KEYS:
        raise ValueError("no JWKS")
    return _parsed(answer.content)


def _parsed(content: bytes) -> KeySetSerialization:
    found: Any = json.loads(content)
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ValueError("no JWKS")
    return {"keys": keys}


def _away(why: str) -> IssuerAway:
    says = f"The issuer's keys cannot be had ({why}), so nobody is signed in. Try again later."
    return IssuerAway(says, cause="policy", after=5.0)
