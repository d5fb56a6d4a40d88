"""Who speaks at the terminal: `quartet login`, `logout`, `whoami`, and what signs requests in.

Whoever can read the local issuer's key is signed in without a further step, as `operator` unless
another name is given; with an issuer of one's own QUARTET_TOKEN carries its token.
"""

import base64
import binascii
import json
import os
import time
from contextvars import ContextVar
from datetime import timedelta
from typing import Annotated, Any

import typer

from quartet.cli.speech import AsJson, Data, emit, one_line_errors, say
from quartet.runtime.issuer import OPERATOR, SignedIn, signed_in, token
from quartet.runtime.layout import DataFolder
from quartet.runtime.secret_files import write_once

SESSION = timedelta(hours=1)
_asked_for: ContextVar[str | None] = ContextVar("asked_for", default=None)
AsPerson = Annotated[
    str | None,
    typer.Option(
        "--as", envvar="QUARTET_AS", metavar="NAME", help="Speak as this person of people.yaml."
    ),
]


def speak_as(name: AsPerson = None) -> None:
    """Run a suite of agents that propose, review and commit."""
    _asked_for.set(name)


def credentials(data: DataFolder) -> SignedIn:
    """Return what signs the requests of this process in; raises SetupError when nobody can be."""
    if given := os.environ.get("QUARTET_TOKEN"):
        return SignedIn(lambda: given)
    if name := _asked_for.get():
        return signed_in(data, name)
    if kept := _session(data):
        return SignedIn(lambda: kept)
    return signed_in(data)


def speaker(data: DataFolder) -> str | None:
    """Return the name of who speaks, None for the local shell user, who has the client's key."""
    named = os.environ.get("QUARTET_TOKEN") or _asked_for.get() or _session(data)
    return str(_claims(credentials(data).bearer()).get("sub", "")) if named else None


def login(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A person of people.yaml.")],
    data: Data = None,
) -> None:
    """Speak as a person of people.yaml for an hour, or until `quartet logout`."""
    folder = DataFolder.named(data)
    with one_line_errors():
        made = token(folder, name, SESSION)
        folder.session.unlink(missing_ok=True)
        write_once(folder.session, made)
    say(f"{name} is signed in for {SESSION.total_seconds() / 60:.0f} minutes.")


def logout(data: Data = None) -> None:
    """Forget who is signed in; the local shell user is `operator` again."""
    DataFolder.named(data).session.unlink(missing_ok=True)
    say(f"Nobody is signed in; commands speak as {OPERATOR}.")


def whoami(data: Data = None, *, as_json: AsJson = False) -> None:
    """Show as whom the commands speak: name, tenant, roles and groups."""
    folder = DataFolder.named(data)
    with one_line_errors():
        auth = credentials(folder)
        claims = _claims(auth.bearer())
    shown = {name: claims.get(name) for name in ("sub", "tenant", "roles", "groups")}
    if as_json:
        emit(shown)
    else:
        roles, groups = (", ".join(claims.get(n) or ()) or "none" for n in ("roles", "groups"))
        say(f"{claims.get('sub')} of tenant {claims.get('tenant')}; {roles=!s}; {groups=!s}")


def _session(data: DataFolder) -> str | None:
    """Return the kept token; one that has expired is removed."""
    try:
        kept = data.session.read_text(encoding="utf-8")
    except OSError:
        return None
    if int(_claims(kept).get("exp", 0)) > time.time():
        return kept
    data.session.unlink(missing_ok=True)
    return None


def _claims(kept: str) -> dict[str, Any]:
    """Return what a token says, unverified: it is ours, and the console verifies it."""
    try:
        body = kept.split(".")[1]
        found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=="))
    except (IndexError, binascii.Error, ValueError):
        return {}
    return found
