"""The base image where no registry can be asked: Debian by debootstrap.

It stands in for the image that the Dockerfile names, and bears its name.
"""

import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from quartet.cluster.images import archive
from quartet.cluster.requirements import program
from quartet.runtime.errors import SetupError

NAME = "docker.io/library/python:3.11-slim-bookworm"
RELEASE = "bookworm"
PACKAGES = ("python3", "python3-pip", "ca-certificates")
SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
_CLEARED = ("var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/locale")
_NOT_KEPT = ("dev/", "proc/", "sys/")


def build(target: Path) -> None:
    """Write the base image as an archive; takes a minute and the network.

    Raises:
        SetupError: debootstrap failed.

    """
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        root = Path(name) / "root"
        command = [str(program("debootstrap")), "--variant=minbase"]
        done = subprocess.run(
            [*command, f"--include={','.join(PACKAGES)}", RELEASE, str(root), *_mirror()],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1]
            raise SetupError(f"debootstrap failed: {last}")
        for folder in _CLEARED:
            shutil.rmtree(root / folder, ignore_errors=True)
            (root / folder).mkdir(parents=True)
        layer = target.with_suffix(".layer")
        with tarfile.open(layer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.add(root, arcname="", filter=_steady)
        archive.wrap(archive.Image(name=NAME, files={}, environment=_ENVIRONMENT), layer, target)


_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def _steady(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out devices and what the kernel shows, and date the rest to one moment."""
    if entry.name.startswith(_NOT_KEPT) or entry.isdev():
        return None
    entry.mtime = 0
    return entry


def _mirror() -> list[str]:
    """Return the mirror that this machine's apt uses, if it is told in the usual place."""
    for path in SOURCES:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        found = re.search(r"^(?:URIs:|deb(?: \[[^]]*\])?)\s+(\S+)", text, re.M)
        if found:
            return [found[1]]
    return []
