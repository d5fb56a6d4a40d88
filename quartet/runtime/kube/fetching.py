"""What somebody in front of a cluster needs to speak to a release: two keys and the people.

Reads with the `kubectl` of the PATH, so with the rights of whoever asks.
"""

import base64
import json
import shutil
import subprocess
from typing import Any

from quartet.runtime.errors import SetupError
from quartet.runtime.layout import DataFolder
from quartet.runtime.secret_files import write_secret

WAIT_S = 60


def fetch(release: str, namespace: str, folder: DataFolder) -> None:
    """Put the client's key, the issuer's key and the people of a release into a data folder.

    Raises SetupError when kubectl is missing or refused, the release has no such key, or the folder
    is that of a suite on this machine.
    """
    if folder.redis.exists():
        raise SetupError(
            f"{folder.root} holds the keys of a suite on this machine. Name another folder with "
            "--data or QUARTET_DATA."
        )
    for path, name in ((folder.client_key, "client"), (folder.issuer_key, "issuer")):
        kept = _read("secret", f"{release}-{name}", namespace)
        write_secret(path, base64.b64decode(kept[path.name]).decode())
    trust = _read("configmap", f"{release}-trust", namespace)
    folder.people.write_text(trust[folder.people.name], encoding="utf-8")


def kubectl(*words: str) -> str:
    """Run kubectl and return what it printed; raises SetupError with what it said against it."""
    program = shutil.which("kubectl")
    if program is None:
        raise SetupError(
            "There is no kubectl on the PATH; for the local cluster put "
            "`quartet cluster run --` before the command."
        )
    done = subprocess.run(
        [program, *words], capture_output=True, text=True, check=False, timeout=WAIT_S
    )
    if done.returncode != 0:
        says = done.stderr.strip().splitlines()[-1:] or ["it says nothing"]
        raise SetupError(f"`kubectl {' '.join(words[:5])}` failed: {says[0][:300]}")
    return done.stdout


def _read(kind: str, name: str, namespace: str) -> dict[str, str]:
    found: dict[str, Any] = json.loads(kubectl("-n", namespace, "get", kind, name, "-o", "json"))
    return dict(found.get("data") or {})
