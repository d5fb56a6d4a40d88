"""The pinned Dapr binaries: taken from the cache or the machine, else built from Go modules."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from quartet.runtime.errors import SetupError
from quartet.runtime.layout import CLI_VERSION, DAPR_VERSION, cache_folder, repository

Say = Callable[[str], None]
SERVICES = ("placement", "sentry", "scheduler", "daprd")
BINARIES = (*SERVICES, "dapr")
GO_ELSEWHERE = Path("/usr/local/go/bin/go")
_GO_MINIMUM = (1, 26)
_RUNTIME_STAMP = f"-s -w -X github.com/dapr/dapr/pkg/buildinfo.version={DAPR_VERSION}"
_CLI_STAMP = f"-s -w -X main.version={CLI_VERSION}"


def binaries_folder() -> Path:
    """Return the cache folder of exactly these versions and module sums."""
    digest = hashlib.sha256()
    for module in ("dapr", "cli"):
        for name in ("go.mod", "go.sum"):
            digest.update((repository() / "runtime" / module / name).read_bytes())
    pins = f"dapr-{DAPR_VERSION}-cli-{CLI_VERSION}-{digest.hexdigest()[:12]}"
    return cache_folder() / pins


def ensure_binaries(say: Say) -> Path:
    """Return a folder with all five binaries; builds what is missing, once per user.

    Raises:
        SetupError: Go is missing or too old, or the build failed.

    """
    folder = binaries_folder()
    if _complete(folder):
        return folder
    installed = installed_folder()
    if installed:
        say(f"using Dapr {DAPR_VERSION} of {installed}")
        return installed
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _complete(folder):
            _build(folder, say)
    return folder


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in BINARIES)


def installed_folder() -> Path | None:
    """Return an installed set of all five in one folder, of exactly the pinned versions."""
    found = shutil.which("daprd")
    if found is None:
        return None
    folder = Path(found).resolve().parent
    if not _complete(folder):
        return None
    runtime = _output(folder / "daprd", "--version")
    cli = _output(folder / "dapr", "--version")
    services = all(_names_version(folder / name) for name in SERVICES)
    right = runtime.strip() == DAPR_VERSION and f"CLI version: {CLI_VERSION}" in cli and services
    return folder if right else None


def _names_version(binary: Path) -> bool:
    stamp = f"buildinfo.version={DAPR_VERSION}".encode()
    return stamp in binary.read_bytes()


def _output(program: Path, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.stdout


def _require_go() -> str:
    go = shutil.which("go") or str(GO_ELSEWHERE)
    if not Path(go).exists():
        raise SetupError(
            "Go 1.26 or later is needed to build Dapr: install it from your package "
            "manager or the Go project, and put `go` on PATH."
        )
    said = _output(Path(go), "version")
    number = re.search(r"go(\d+)\.(\d+)", said)
    if number is None or (int(number[1]), int(number[2])) < _GO_MINIMUM:
        raise SetupError(f"Go 1.26 or later is needed to build Dapr; this is: {said.strip()}")
    return go


def _build(folder: Path, say: Say) -> None:
    go = _require_go()
    say(f"building Dapr {DAPR_VERSION} and CLI {CLI_VERSION} into {folder} (once; 5 to 10 minutes)")
    for place, name in enumerate(BINARIES, start=1):
        say(f"building {name} ({place} of {len(BINARIES)})")
        _build_one(go, name, folder)


def _build_one(go: str, name: str, folder: Path) -> None:
    runtime = name in SERVICES
    module = repository() / "runtime" / ("dapr" if runtime else "cli")
    package = f"github.com/dapr/dapr/cmd/{name}" if runtime else "github.com/dapr/cli"
    tags = ["-tags", "stablecomponents"] if runtime else []
    stamp = _RUNTIME_STAMP if runtime else _CLI_STAMP
    env = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
    with tempfile.TemporaryDirectory(dir=folder) as partial:
        target = Path(partial) / name
        command = [go, "build", *tags, "-ldflags", stamp, "-o", str(target), package]
        done = subprocess.run(
            command,
            cwd=module,
            env=env,
            stdout=sys.stderr,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            (folder / "build.log").write_text(done.stderr)
            last = (done.stderr.strip() or "no output").splitlines()[-1]
            raise SetupError(f"Building {name} failed: {last} (all of it: {folder / 'build.log'})")
        target.replace(folder / name)
