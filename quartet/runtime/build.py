"""The pinned Dapr binaries: taken from the cache or the machine, else built from Go modules."""

import hashlib
import shutil
from pathlib import Path

from quartet.runtime.gobuild import Family, Say, ensure, missing, output
from quartet.runtime.layout import CLI_VERSION, DAPR_VERSION, cache_folder

SERVICES = ("placement", "sentry", "scheduler", "daprd")
BINARIES = (*SERVICES, "dapr")
ON_KUBERNETES = ("operator", "injector")
"""What a control plane has on Kubernetes alone."""
RUNTIME = Family(
    module="dapr",
    programs={name: f"github.com/dapr/dapr/cmd/{name}" for name in (*SERVICES, *ON_KUBERNETES)},
    stamps=(f"github.com/dapr/dapr/pkg/buildinfo.version={DAPR_VERSION}",),
    tags=("stablecomponents",),
)
CLI = Family(
    module="cli",
    programs={"dapr": "github.com/dapr/cli"},
    stamps=(f"main.version={CLI_VERSION}",),
)


def binaries_folder() -> Path:
    """Return the cache folder of exactly these versions, module sums and flags."""
    digest = hashlib.sha256(f"{RUNTIME.digest} {CLI.digest}".encode()).hexdigest()[:12]
    return cache_folder() / f"dapr-{DAPR_VERSION}-cli-{CLI_VERSION}-{digest}"


def ensure_binaries(say: Say) -> Path:
    """Return a folder with all five binaries; builds what is missing, once per user.

    Raises:
        SetupError: Go is missing or too old, or the build failed.

    """
    folder = binaries_folder()
    if not missing(folder, BINARIES):
        return folder
    installed = installed_folder()
    if installed:
        say(f"using Dapr {DAPR_VERSION} of {installed}")
        return installed
    say(f"building Dapr {DAPR_VERSION} and CLI {CLI_VERSION} into {folder} (once; 5 to 15 minutes)")
    ensure(RUNTIME, folder, say, SERVICES)
    ensure(CLI, folder, say)
    return folder


def ensure_for_kubernetes(say: Say) -> Path:
    """Return the folder with what runs in Dapr's images; builds what is missing, once per user.

    Raises:
        SetupError: Go is missing or too old, or the build failed.

    """
    folder = binaries_folder()
    ensure(RUNTIME, folder, say)
    return folder


def installed_folder() -> Path | None:
    """Return an installed set of all five in one folder, of exactly the pinned versions."""
    found = shutil.which("daprd")
    if found is None:
        return None
    folder = Path(found).resolve().parent
    if missing(folder, BINARIES):
        return None
    runtime = output(folder / "daprd", "--version")
    cli = output(folder / "dapr", "--version")
    services = all(_names_version(folder / name) for name in SERVICES)
    right = runtime.strip() == DAPR_VERSION and f"CLI version: {CLI_VERSION}" in cli and services
    return folder if right else None


def _names_version(binary: Path) -> bool:
    stamp = f"buildinfo.version={DAPR_VERSION}".encode()
    return stamp in binary.read_bytes()
