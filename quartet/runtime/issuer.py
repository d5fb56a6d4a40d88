"""The local issuer: its key, the people it signs in, and their tokens. Who reads the key may."""

import json
import re
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import yaml
from joserfc.jwk import OKPKey
from pydantic import ValidationError

from quartet.contracts.person import DEFAULT_TENANT, Listed, People, Person
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import DataFolder
from quartet.runtime.secret_files import write_once
from quartet.trust.people import Issuer, mint

OPERATOR = "operator"
"""The person that the local shell user is, unless another is named."""
LIFE = timedelta(minutes=10)
PEOPLE = (
    Listed(name=OPERATOR, tenant=DEFAULT_TENANT, roles=("submitter", "operator", "auditor")),
    Listed(name="alice", roles=("approver",), groups=("approvers",), mail="alice@localhost"),
    Listed(name="bob", roles=("approver",), groups=("approvers",), mail="bob@localhost"),
    Listed(name="sam", roles=("submitter",)),
    Listed(name="auditor", roles=("auditor",)),
    Listed(name="admin", roles=("admin",)),
)
_ABOUT = """\
# Whom the local issuer signs in (`quartet login NAME`), and where notices to people go.
# Roles: submitter, approver, operator, auditor, admin. Groups are whom approvals are routed to.
"""


def make_issuer(data: DataFolder) -> None:
    """Make what is missing: the issuer's key, its public JWKS, and people.yaml."""
    if not (data.issuer_key.exists() and data.people_keys.exists()):
        key = OKPKey.generate_key("Ed25519", parameters={"use": "sig", "alg": "Ed25519"})
        named = {"kid": key.thumbprint()}
        public = {**key.as_dict(private=False), **named}
        data.people_keys.unlink(missing_ok=True)
        write_once(data.people_keys, json.dumps({"keys": [public]}, indent=2) + "\n")
        data.issuer_key.unlink(missing_ok=True)
        write_once(data.issuer_key, json.dumps({**key.as_dict(private=True), **named}) + "\n")
    listed = [one.model_dump(mode="json", exclude_none=True) for one in PEOPLE]
    write_once(data.people, _ABOUT + yaml.safe_dump({"people": listed}, sort_keys=False))
    data.people.chmod(0o644)  # the console, under a user of its own, reads where notices go


def people_of(path: Path) -> People:
    """Return the people of a file; raises SetupError naming what is wrong with it."""
    try:
        return People.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SetupError(f"{path} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, ValidationError) as error:
        says = re.sub(r"\s+", " ", str(error))[:300]
        raise SetupError(f"{path} lists no people as it should: {says}") from error


def token(data: DataFolder, name: str = OPERATOR, life: timedelta = LIFE) -> str:
    """Return a bearer token of a person of people.yaml; raises SetupError when it cannot be."""
    found = people_of(data.people).find(name)
    if found is None:
        raise SetupError(f"{data.people} lists no {name!r}; add the person there.")
    person = Person.model_validate(found.model_dump(exclude={"mail"}))
    return mint(person, issuer_of(data), datetime.now(UTC), life)


class SignedIn(httpx.Auth):
    """Puts a bearer token on each request; a new one when half of the old one's life is over."""

    def __init__(self, mint: Callable[[], str]) -> None:
        """Take what gives a token."""
        self._mint = mint
        self._token, self._renew = "", 0.0

    def bearer(self) -> str:
        """Return the token that counts now."""
        if time.monotonic() >= self._renew:
            self._token = self._mint()
            self._renew = time.monotonic() + LIFE.total_seconds() / 2
        return self._token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request in."""
        request.headers["authorization"] = f"Bearer {self.bearer()}"
        yield request


def signed_in(data: DataFolder, name: str = OPERATOR) -> SignedIn:
    """Return what signs the requests of a client in as a person of people.yaml."""
    return SignedIn(lambda: token(data, name))


def issuer_of(data: DataFolder) -> Issuer:
    """Return the local issuer; raises SetupError for who cannot read its key."""
    try:
        text = data.issuer_key.read_text(encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"The local issuer's key {data.issuer_key} cannot be read ({error.strerror}); who "
            "cannot read it signs nobody in. Set QUARTET_TOKEN to a token of yours."
        ) from error
    return Issuer(OKPKey.import_key(json.loads(text)))
