"""What a machine must offer before a local cluster can be had on it."""

import os
import shutil
import sys
from pathlib import Path

from quartet.cluster import cgroups
from quartet.cluster.configuration import CNI_PROGRAMS
from quartet.runtime.errors import SetupError

PATH = os.pathsep.join(
    (os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin")
)
_PROGRAMS = {
    "etcd": "etcd-server",
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
_FOR_IMAGES = {"buildah": "buildah", "debootstrap": "debootstrap"}
_CNI_PACKAGE = "containernetworking-plugins"


def program(name: str) -> Path:
    """Return the path of an installed program.

    Raises:
        SetupError: it is not installed.

    """
    found = shutil.which(name, path=PATH)
    if found is None:
        package = {**_PROGRAMS, **_FOR_IMAGES}.get(name, name)
        raise SetupError(f"{name} is missing: run `apt-get install {package}` as root.")
    return Path(found)


def require(*, images: bool = True) -> None:
    """Refuse to go on where a cluster cannot be had, or its images cannot be built.

    Raises:
        SetupError: says what is missing and what to do.

    """
    if reason := obstacle():
        raise SetupError(reason)
    if absent := packages_missing(images=images):
        raise SetupError(
            "A local cluster needs packages of Debian: run `apt-get install "
            f"--no-install-recommends {' '.join(absent)}` as root."
        )


def obstacle() -> str | None:
    """Return why a cluster cannot be had here at all, whatever is installed."""
    if not sys.platform.startswith("linux"):
        return "A local cluster needs Linux: use any cluster with `helm install quartet k8s/`."
    if os.geteuid() != 0:
        return "A local cluster needs root, for namespaces, mounts and control groups."
    if not cgroups.available():
        return (
            "A local cluster needs control groups of version 1, and this machine has another "
            "version: use any cluster with `helm install quartet k8s/`."
        )
    return None


def packages_missing(*, images: bool = True) -> tuple[str, ...]:
    """Return the Debian packages to install."""
    wanted = {**_PROGRAMS, **(_FOR_IMAGES if images else {})}
    absent = {package for name, package in wanted.items() if not shutil.which(name, path=PATH)}
    if not (CNI_PROGRAMS / "bridge").exists():
        absent.add(_CNI_PACKAGE)
    return tuple(sorted(absent))
