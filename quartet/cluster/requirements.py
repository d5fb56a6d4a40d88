"""What a machine must offer before a local cluster can be had on it."""

import os
import shutil
import sys
from pathlib import Path

from quartet.cluster import cgroups
from quartet.cluster.configuration import CNI_PROGRAMS
from quartet.runtime.errors import SetupError
from quartet.runtime.gobuild import Say
from quartet.runtime.machine import install_packages

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
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}
_CNI_PACKAGE = "containernetworking-plugins"


def program(name: str) -> Path:
    """Return the path of an installed program.

    Raises:
        SetupError: it is not installed.

    """
    found = shutil.which(name, path=PATH)
    if found is None:
        package = _PROGRAMS.get(name, name)
        raise SetupError(f"{name} is missing: run `apt-get install {package}` as root.")
    return Path(found)


def provide(say: Say) -> None:
    """Install the Debian packages that are missing; refuse where a cluster cannot be had.

    Raises:
        SetupError: says what is missing and what to do.

    """
    if reason := obstacle():
        raise SetupError(reason)
    if absent := packages_missing():
        say(f"installing {' '.join(absent)}")
        install_packages(*absent)


def packages_missing() -> tuple[str, ...]:
    """Return the Debian packages to install."""
    absent = {package for name, package in _PROGRAMS.items() if not shutil.which(name, path=PATH)}
    if not (CNI_PROGRAMS / "bridge").exists():
        absent.add(_CNI_PACKAGE)
    return tuple(sorted(absent))


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
