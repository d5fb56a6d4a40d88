"""The public keys of the app-ids as one file: published ahead of time, kept for the audit after it.

Every process of the suite reads `services.jwks.json` and none but the runtime writes it.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quartet.runtime.errors import SetupError
from quartet.runtime.layout import DataFolder
from quartet.trust.keys import EPOCH_S, published

EPOCHS_AHEAD = 14
"""A suite whose runtime is not looked at for so many epochs goes on verifying."""
Keys = dict[str, dict[str, Any]]


def publish_keys(data: DataFolder, now: float, epoch_s: int = EPOCH_S) -> None:
    """Have the keys of every app-id in the file for the present epoch and those ahead."""
    with _locked(data):
        keys = _read(data.service_keys)
        _write(data.service_keys, keys | _ahead(data, app_ids(data), now, epoch_s))


def rotate(data: DataFolder, app_id: str, now: float, *, leaked: bool = False) -> None:
    """Give an app-id a new seed; the keys of the old one end now, and stay for the audit.

    With ``leaked`` what they have signed is refused at once, also what is under way.

    Raises:
        SetupError: there is no such app-id on this data folder.

    """
    if app_id not in app_ids(data):
        have = ", ".join(app_ids(data))
        raise SetupError(f"There is no app-id {app_id!r} with keys; there is {have or 'none yet'}.")
    with _locked(data):
        kept: Keys = {}
        for kid, key in _read(data.service_keys).items():
            if key["app"] != app_id or key["exp"] <= now:
                kept[kid] = key
            elif key["nbf"] <= now:
                kept[kid] = key | {"exp": int(now)} | ({"revoked": True} if leaked else {})
        seed = data.signing_seed(app_id)
        owner = seed.stat()
        _replace(seed, secrets.token_hex(32), 0o600)
        os.chown(seed, owner.st_uid, owner.st_gid)
        _write(data.service_keys, kept | _ahead(data, [app_id], now, EPOCH_S))


def app_ids(data: DataFolder) -> list[str]:
    """Return the app-ids that have a seed on this data folder."""
    return sorted(seed.parent.name for seed in data.root.glob("apps/*/signing-seed"))


def _ahead(data: DataFolder, apps: list[str], now: float, epoch_s: int) -> Keys:
    present = int(now) // epoch_s
    seeds = {app: bytes.fromhex(data.signing_seed(app).read_text().strip()) for app in apps}
    made = (
        published(seed, app_id, epoch, epoch_s)
        for app_id, seed in seeds.items()
        for epoch in range(present, present + EPOCHS_AHEAD + 1)
    )
    return {str(key["kid"]): key for key in made}


def _read(path: Path) -> Keys:
    if not path.exists():
        return {}
    return {key["kid"]: key for key in json.loads(path.read_text(encoding="utf-8"))["keys"]}


def _write(path: Path, keys: Keys) -> None:
    """Replace the file, unless it holds just these keys."""
    if keys != _read(path):
        lines = ",\n".join(json.dumps(key) for key in keys.values())
        _replace(path, f'{{"keys": [\n{lines}\n]}}\n', 0o644)


def _replace(path: Path, text: str, mode: int) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
    partial.replace(path)


@contextmanager
def _locked(data: DataFolder) -> Iterator[None]:
    """Keep supervisor and verbs from writing over each other."""
    data.service_keys.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    with (data.service_keys.parent / ".services.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
