"""A user of its own for each app-id, so that no service reads what belongs to another one.

Only root can give processes away, and only if that user can reach interpreter, code and data. The
users are numbers in a range that nobody else uses; there are no accounts behind them.
Standard library only: the launchers import this.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quartet.runtime.layout import App, DataFolder, repository, service_folder

FIRST_UID = 61_100
"""An app-id has the user FIRST_UID + its index (61101 coordinator, ... 61111 first specialist).

Debian's adduser ends at 59999, systemd's dynamic users begin at 61184.
"""
_OPEN_FOLDER, _OWN_FOLDER, _OWN_FILE, _OPEN_FILE = 0o711, 0o700, 0o600, 0o644


@dataclass(frozen=True)
class Identities:
    """Which app-id runs under which user; none has its own where `why_not` says why."""

    uids: dict[str, int]
    why_not: str = ""


def uid_of(app: App) -> int:
    """Return the user of an app-id."""
    return FIRST_UID + app.index


def settle(data: DataFolder, apps: Sequence[App]) -> Identities:
    """Decide whether each app-id has a user of its own, and give it what belongs to it."""
    services = [app for app in apps if app.has_app]
    why_not = obstacle(data, uid_of(services[0]))
    found = Identities({} if why_not else {app.app_id: uid_of(app) for app in services}, why_not)
    if not why_not:
        _open_ways(data)
        for app_id, uid in found.uids.items():
            _give(data.apps / app_id, uid)
            own = data.root / service_folder(app_id)
            if service_folder(app_id) == app_id:
                own.mkdir(exist_ok=True)
                _give(own, uid)
    data.identities.write_text(json.dumps({"uids": found.uids, "why_not": why_not}) + "\n")
    return found


def read(data: DataFolder) -> Identities:
    """Return what was settled; raises FileNotFoundError when nothing was."""
    written = json.loads(data.identities.read_text())
    return Identities(written["uids"], written["why_not"])


def obstacle(data: DataFolder, uid: int) -> str:
    """Return why a service cannot run as `uid` here, or nothing; really tries it."""
    if os.geteuid() != 0:
        return "it was not started by root"
    program = "import os, sys; import services, yaml; os.stat(os.path.join(sys.argv[1], 'trust'))"
    _open_ways(data)
    tried = as_user(uid, [sys.executable, "-c", program, str(data.root)])
    if tried.returncode == 0:
        return ""
    said = (tried.stderr.strip() or "it cannot be executed").splitlines()[-1]
    return f"user {uid} cannot run {sys.executable} here: {said}"


def as_user(uid: int, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command as one of the users, in the repository; status 126 says it cannot start."""
    try:
        return subprocess.run(
            command,
            cwd=repository(),
            user=uid,
            group=uid,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    except PermissionError as error:
        return subprocess.CompletedProcess(list(command), 126, "", str(error))


def _open_ways(data: DataFolder) -> None:
    """Let users through the data folder to what is theirs, and to the public keys."""
    data.apps.mkdir(parents=True, exist_ok=True)
    for way in (data.root, data.apps):
        way.chmod(_OPEN_FOLDER)
    for path in (data.trust, *data.trust.glob("*.json")):
        path.chmod(_OPEN_FILE | 0o111 if path.is_dir() else _OPEN_FILE)


def _give(folder: Path, uid: int) -> None:
    """Make a folder and all in it one user's alone, but what is neither root's nor his."""
    for path in (folder, *folder.rglob("*")):
        found = path.lstat()
        linked = path.is_symlink() or (not path.is_dir() and found.st_nlink > 1)
        if linked or found.st_uid not in (0, uid):
            continue
        os.chown(path, uid, uid, follow_symlinks=False)
        path.chmod(_OWN_FOLDER if path.is_dir() else _OWN_FILE)
