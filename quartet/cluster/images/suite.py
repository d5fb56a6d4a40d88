"""The suite's own image: what goes into it, and how its Dockerfile is built here."""

import hashlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from quartet.cluster.images.buildah import Buildah, Recipe
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import repository

LOCK = Path("runtime/images/requirements.lock")
_WHEELS = "/wheels"
_FOLDERS = ("quartet", "services", "packs")
_FILES = ("Dockerfile", ".dockerignore", "LICENSE", "pyproject.toml", "models.yaml", str(LOCK))


def version() -> str:
    """Return the version of pyproject.toml."""
    project = tomllib.loads((repository() / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def name(tag: str | None = None) -> str:
    """Return the image's name, of this version or another tag."""
    return f"docker.io/library/quartet:{tag or version()}"


def digest(tag: str) -> str:
    """Return twelve hexadecimal digits that change with all that the image is made from."""
    found = hashlib.sha256(tag.encode())
    for path in _sources(repository()):
        found.update(f"\n{path.relative_to(repository())}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def build(buildah: Buildah, wheels: Path, tag: str, target: Path) -> None:
    """Build the image under a tag and write it as an archive; wheels are fetched once.

    Raises:
        SetupError: a wheel cannot be had, or a step of the Dockerfile failed.

    """
    buildah.build(
        Recipe(
            context=repository(),
            dockerfile=repository() / "Dockerfile",
            name=name(tag),
            epoch=_epoch(),
            arguments={
                "VERSION": tag,
                "PIP_ARGUMENTS": f"--no-index --find-links {_WHEELS}",
            },
            mounts={_wheelhouse(wheels): _WHEELS},
        ),
        target,
    )


def write_bill(image: Path, target: Path) -> None:
    """Write what an archive holds as a CycloneDX file, with a library of development's.

    Raises:
        SetupError: the library is missing, or the archive holds no packages.

    """
    command = [sys.executable, "-m", "quartet.cluster.images.bom", str(image), str(target)]
    done = subprocess.run(command, cwd=repository(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or "no output").splitlines()[-1]
        raise SetupError(f"The bill of {image.name} cannot be written: {last}")


def _sources(root: Path) -> Iterator[Path]:
    for one in _FILES:
        yield root / one
    for folder in _FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                yield path


def _epoch() -> int:
    """Return when the lock file's dependencies or the code last changed, if git knows."""
    done = subprocess.run(
        ["git", "log", "-1", "--format=%ct"],
        cwd=repository(),
        capture_output=True,
        text=True,
        check=False,
    )
    return int(done.stdout) if done.stdout.strip().isdigit() else 0


def _wheelhouse(parent: Path) -> Path:
    """Return a folder with the wheels of the lock file, which pip gets as it does anywhere."""
    lock = repository() / LOCK
    folder = parent / hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    done = folder / ".complete"
    if done.exists():
        return folder
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    exact = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    said = subprocess.run(
        [*pip, *exact, "--requirement", str(lock), "--dest", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode != 0:
        last = (said.stderr.strip() or "no output").splitlines()[-1]
        raise SetupError(f"The wheels of {LOCK} cannot be had: {last}")
    done.touch()
    return folder
