"""Programs built from the pinned Go modules in `runtime/`, each module's set once per user."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from quartet.runtime.errors import SetupError
from quartet.runtime.layout import cache_folder, repository

Say = Callable[[str], None]
GO_ELSEWHERE = Path("/usr/local/go/bin/go")
_GO_MINIMUM = (1, 26)
# Without C the programs also start in an image that holds nothing else; one set of flags for all
# lets the modules share what is compiled.
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
_FLAGS = ("-trimpath",)
_STRIP = "-s -w"


@dataclass(frozen=True)
class Family:
    """The programs of one Go module: what each is built from, and what the linker stamps in."""

    module: str
    """The module's folder below `runtime/`."""
    programs: Mapping[str, str]
    """The Go package of each program."""
    stamps: tuple[str, ...] = field(default=())
    """`-X` arguments of the linker: `package.name=value`."""
    tags: tuple[str, ...] = field(default=())

    @property
    def sources(self) -> Path:
        """The folder of the module."""
        return repository() / "runtime" / self.module

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with a pin, a stamp or a flag."""
        found = hashlib.sha256()
        for name in ("go.mod", "go.sum"):
            found.update((self.sources / name).read_bytes())
        found.update(repr((self.stamps, self.tags, _ENVIRONMENT, _FLAGS, _STRIP)).encode())
        return found.hexdigest()[:12]

    @property
    def folder(self) -> Path:
        """Where this user's builds of exactly these pins are."""
        return cache_folder() / f"{self.module.replace('/', '-')}-{self.digest}"


def ensure(family: Family, folder: Path, say: Say, names: tuple[str, ...] = ()) -> None:
    """Build what `folder` lacks of the family, or of those programs that `names` lists.

    Raises:
        SetupError: Go is missing or too old, or the build failed.

    """
    wanted = names or tuple(family.programs)
    if not missing(folder, wanted):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        todo = missing(folder, wanted)
        go = require_go() if todo else ""
        for place, name in enumerate(todo, start=1):
            say(f"building {name} of runtime/{family.module} ({place} of {len(todo)})")
            _build(go, family, name, folder)


def missing(folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those programs that the folder does not hold."""
    return tuple(name for name in names if not (folder / name).is_file())


def output(program: Path, *arguments: str) -> str:
    """Return what a program prints on stdout, whatever its status."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.stdout


def require_go() -> str:
    """Return the path of a Go that is new enough.

    Raises:
        SetupError: there is none.

    """
    go = shutil.which("go") or str(GO_ELSEWHERE)
    if not Path(go).exists():
        raise SetupError(
            "Go 1.26 or later is needed to build Dapr and the tools of Kubernetes: install it "
            "from your package manager or the Go project, and put `go` on PATH."
        )
    said = output(Path(go), "version")
    number = re.search(r"go(\d+)\.(\d+)", said)
    if number is None or (int(number[1]), int(number[2])) < _GO_MINIMUM:
        raise SetupError(f"Go 1.26 or later is needed to build; this is: {said.strip()}")
    return go


def module_folder(family: Family, module: str) -> Path:
    """Return where Go keeps the sources of a module that the family requires; gets them if need be.

    Raises:
        SetupError: the module cannot be had.

    """
    go = require_go()
    for verb in ((), ("mod", "download")):
        if verb:
            _go(go, family, *verb, module)
        done = _go(go, family, "list", "-m", "-f", "{{.Dir}}", module)
        if done.stdout.strip():
            return Path(done.stdout.strip())
    raise SetupError(f"The sources of {module} cannot be had: {_last(done.stderr)}")


def _go(go: str, family: Family, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [go, *arguments],
        cwd=family.sources,
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )


def _build(go: str, family: Family, name: str, folder: Path) -> None:
    tags = ["-tags", ",".join(family.tags)] if family.tags else []
    stamps = " ".join((_STRIP, *(f"-X {stamp}" for stamp in family.stamps)))
    with tempfile.TemporaryDirectory(dir=folder) as partial:
        target = Path(partial) / name
        command = ["build", *_FLAGS, *tags, "-ldflags", stamps, "-o", str(target)]
        done = subprocess.run(
            [go, *command, family.programs[name]],
            cwd=family.sources,
            env={**os.environ, **_ENVIRONMENT},
            stdout=sys.stderr,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            log = folder / "build.log"
            log.write_text(done.stderr)
            raise SetupError(f"Building {name} failed: {_last(done.stderr)} (all of it: {log})")
        target.replace(folder / name)


def _last(text: str) -> str:
    return (text.strip() or "no output").splitlines()[-1]
