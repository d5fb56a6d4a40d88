"""Signers and a keyring from fixed seeds, for tests of what signs and verifies."""

import hashlib
import json
import time
from pathlib import Path

from quartet.contracts.base import Json
from quartet.trust.keys import EPOCH_S, Clock, Keyring, Signer, published

APPS = (
    "coordinator",
    "planner",
    "critic",
    "models",
    "reader",
    "toolbox",
    "console",
    "specialist-documents",
    "specialist-finance",
)


def seed_of(app_id: str) -> bytes:
    """Return the fixed seed of an app-id."""
    return hashlib.sha256(f"a test's seed of {app_id}".encode()).digest()


def signer(app_id: str, clock: Clock = time.time) -> Signer:
    """Return the signer of an app-id."""
    return Signer(app_id, lambda: seed_of(app_id), clock)


def keyring(folder: Path, clock: Clock = time.time, apps: tuple[str, ...] = APPS) -> Keyring:
    """Return a keyring over a file in this folder, with keys around the present epoch."""
    epoch = int(clock()) // EPOCH_S
    keys: list[Json] = [
        published(seed_of(app), app, e) for app in apps for e in range(epoch - 1, epoch + 2)
    ]
    path = folder / "services.jwks.json"
    path.write_text(json.dumps({"keys": keys}), encoding="utf-8")
    return Keyring(path, clock)
