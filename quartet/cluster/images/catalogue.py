"""Every image that a local cluster needs: its name, its archive, and how it is made if missing."""

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quartet.cluster.images import archive, base, suite
from quartet.cluster.images.buildah import Buildah, Recipe
from quartet.cluster.images.programs import program_images
from quartet.cluster.places import Places
from quartet.cluster.requirements import provide
from quartet.cluster.tools import TOOLS, Tools
from quartet.runtime.build import binaries_folder
from quartet.runtime.gobuild import Say
from quartet.runtime.layout import repository

REDIS = "docker.io/library/redis:7-bookworm"
POSTGRES = "docker.io/library/postgres:15-bookworm"
_HELPERS = {"redis": REDIS, "postgres": POSTGRES}


@dataclass(frozen=True)
class Archived:
    """One image, the archive that holds it, and what makes the archive."""

    name: str
    path: Path
    make: Callable[[Path], None]


def ensure_images(
    places: Places, tools: Tools, say: Say, *, tags: tuple[str, ...] = ()
) -> tuple[Archived, ...]:
    """Make the archives that are missing and return all: the suite's image under each tag too.

    Without tags the suite's is that of this version. Archives of other contents are removed.

    Raises:
        SetupError: a package of Debian is missing, or a build failed.

    """
    places.images.mkdir(parents=True, exist_ok=True)
    with _locked(places.images / ".lock"):
        wanted = tuple(_catalogue(places, tools, tags or (suite.version(),)))
        missing = [one for one in wanted if not one.path.exists()]
        if missing:
            provide(say)
        for place, one in enumerate(missing, start=1):
            _make(one, say, f" ({place} of {len(missing)})")
    return wanted


def ensure_suite(places: Places, say: Say, tag: str) -> Archived:
    """Make the archive of the suite's image under a tag, with its bill beside it, if missing.

    Raises:
        SetupError: a package of Debian is missing, or a build failed.

    """
    provide(say)
    places.images.mkdir(parents=True, exist_ok=True)
    with _locked(places.images / ".lock"):
        one = _suite(places, Buildah(places.root / "buildah"), tag)
        _make(one, say, "")
        suite.write_bill(one.path, one.path.with_suffix(".cdx.json"))
    return one


def _make(one: Archived, say: Say, place: str) -> None:
    if not one.path.exists():
        say(f"making image {one.name}{place}")
        one.make(one.path)
        _forget_others(one.path)


def _catalogue(places: Places, tools: Tools, tags: tuple[str, ...]) -> Iterator[Archived]:
    dapr = binaries_folder()
    for image in program_images(tools, dapr):
        pins = f"{image.name} {TOOLS.digest} {dapr.name}"
        path = _path(places, image.name, hashlib.sha256(pins.encode()).hexdigest()[:12])
        yield Archived(image.name, path, partial(archive.write, image))
    buildah = Buildah(places.root / "buildah")
    for folder, name in _HELPERS.items():
        yield _helper(places, buildah, folder, name)
    for tag in tags:
        yield _suite(places, buildah, tag)


def _helper(places: Places, buildah: Buildah, folder: str, name: str) -> Archived:
    context = repository() / "runtime" / "images" / folder
    found = hashlib.sha256(name.encode())
    for path in sorted(context.iterdir()):
        found.update(path.read_bytes())

    def make(target: Path) -> None:
        _ensure_base(places, buildah)
        # Packages come from where this machine's apt gets them.
        mounts = {path: str(path) for path in base.SOURCES if path.is_file()}
        recipe = Recipe(
            context=context, dockerfile=context / "Dockerfile", name=name, mounts=mounts
        )
        buildah.build(recipe, target)

    return Archived(name, _path(places, name, found.hexdigest()[:12]), make)


def _suite(places: Places, buildah: Buildah, tag: str) -> Archived:
    def make(target: Path) -> None:
        _ensure_base(places, buildah)
        suite.build(buildah, places.root / "wheels", tag, target)

    name = suite.name(tag)
    return Archived(name, _path(places, name, suite.digest(tag)), make)


def _ensure_base(places: Places, buildah: Buildah) -> None:
    if buildah.has(base.NAME):
        return
    path = places.images / "base.tar"
    if not path.exists():
        base.build(path)
    buildah.take_in(path)


def _path(places: Places, name: str, digest: str) -> Path:
    plain = name.replace("/", "_").replace(":", "_")
    return places.images / f"{plain}.{digest}.tar"


def _forget_others(path: Path) -> None:
    stem = path.name.rsplit(".", 2)[0]
    for other in path.parent.glob(f"{stem}.*.tar"):
        if other != path and other.name.rsplit(".", 2)[0] == stem:
            other.unlink()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
