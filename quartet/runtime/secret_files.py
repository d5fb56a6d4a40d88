"""The secrets of one data folder: made once, mode 0600, never in argv; not who reads them."""

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from joserfc.jwk import OKPKey

from quartet.contracts.person import DEFAULT_TENANT
from quartet.runtime.layout import CLIENT, DataFolder
from quartet.runtime.redis import users

LOCAL_REQUESTER = "local-client"


def write_once(path: Path, text: str) -> None:
    """Write a secret that is not there yet; readable by its owner only."""
    if not path.exists():
        write_secret(path, text)


def write_secret(path: Path, text: str) -> None:
    """Put a secret in place, whole or not at all; readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    partial.replace(path)


def make_secrets(data: DataFolder, app_ids: Sequence[str]) -> None:
    """Make what is missing: tokens and seeds by app-id, Redis passwords, client key."""
    for app_id in app_ids:
        if app_id == CLIENT:
            continue
        write_once(data.api_token(app_id), secrets.token_urlsafe(32))
        write_once(data.app_token(app_id), secrets.token_urlsafe(32))
        write_once(data.signing_seed(app_id), secrets.token_hex(32))
    for user in users():
        write_once(data.redis_password(user), secrets.token_urlsafe(32))
    write_once(data.webhook_key, secrets.token_hex(32))
    _make_client_key(data)


def _make_client_key(data: DataFolder) -> None:
    if data.client_key.exists() and data.client_keys.exists():
        return
    key = OKPKey.generate_key("Ed25519", parameters={"use": "sig", "alg": "Ed25519"})
    named = {"kid": key.thumbprint(), "requester": LOCAL_REQUESTER}
    private = {**key.as_dict(private=True), **named}
    whose = {"tenant": DEFAULT_TENANT, "roles": ["submitter"]}
    public = {**key.as_dict(private=False), **named, **whose}
    data.client_keys.unlink(missing_ok=True)
    write_once(data.client_keys, json.dumps({"keys": [public]}, indent=2) + "\n")
    data.client_key.unlink(missing_ok=True)
    write_once(data.client_key, json.dumps(private, indent=2) + "\n")
