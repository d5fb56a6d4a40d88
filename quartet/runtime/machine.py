"""The machine that a suite runs on: package manager, free ports, one suite at a time.

Nothing here starts or stops a suite.
"""

import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

from quartet.runtime.errors import SetupError
from quartet.runtime.layout import HOST

_SUITE_LOCK = "\0quartet-suite"


def install_packages(*packages: str) -> None:
    """Install Debian packages, as root or through sudo.

    Raises:
        SetupError: no apt-get, or neither root nor sudo, or apt-get failed.

    """
    wanted = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise SetupError(f"Install {wanted} by hand: this machine has no apt-get.")
    sudo: list[str] = []
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            raise SetupError(f"Run `apt-get install {wanted}` as root: there is no sudo here.")
        sudo = ["sudo"]
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    install = [*apt, "install", "-y", "-q", "--no-install-recommends", *packages]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        subprocess.run([*apt, "update", "-q"], capture_output=True, check=False)
        done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise SetupError(f"`apt-get install {wanted}` failed: {last}")


def require_free_ports(ports: Mapping[str, int]) -> None:
    """Refuse to go on when somebody listens on one of the pinned ports.

    Raises:
        SetupError: names the busy port.

    """
    for purpose, port in ports.items():
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as busy:
                raise SetupError(
                    f"Port {port} ({purpose}) is in use. Stop what listens there, or run this "
                    "suite in a network of its own: `runtime/own-network.sh <command>`."
                ) from busy


def take_suite_lock() -> socket.socket:
    """Take the lock that one suite per network namespace holds; it ends with its last holder.

    Raises:
        SetupError: another suite holds it.

    """
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        lock.bind(_SUITE_LOCK)
    except OSError as taken:
        lock.close()
        raise SetupError(_another_suite(suite_holder())) from taken
    return lock


def name_holder(lock: socket.socket) -> None:
    """Make this process the one that `suite_holder` names."""
    lock.listen(64)
    lock.settimeout(0)


def greet_callers(lock: socket.socket) -> None:
    """Take the calls of those who asked who holds the lock; the kernel has told them already."""
    while True:
        try:
            caller, _ = lock.accept()
        except BlockingIOError:
            return
        caller.close()


def suite_holder() -> int | None:
    """Return the pid of the supervisor that holds the lock, if one does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(2)
        try:
            caller.connect(_SUITE_LOCK)
        except OSError:
            return None
        credentials = caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", credentials)[0])


def data_folder_of(pid: int) -> Path | None:
    """Return the data folder that a supervisor was started with."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return None
    return Path(words[-2].decode()) if len(words) > 2 else None


def require_no_other_suite(data: Path) -> int | None:
    """Return the pid of this data folder's supervisor, if it runs.

    Raises:
        SetupError: a suite with another data folder runs here.

    """
    holder = suite_holder()
    if holder is not None and data_folder_of(holder) != data:
        raise SetupError(_another_suite(holder))
    return holder


def _another_suite(holder: int | None) -> str:
    where = data_folder_of(holder) if holder else None
    stop = (
        f" Stop it with `QUARTET_DATA={where} quartet runtime down`, or"
        if where
        else " Stop it, or"
    )
    return (
        f"A suite runs on this machine already (data folder {where or 'unknown'}).{stop} run this "
        "one in a network of its own: `runtime/own-network.sh <command>`."
    )
