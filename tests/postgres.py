"""A private Postgres for tests: its own folder and Unix socket, no port, never run as root."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

OWNER = "postgres"
_numbers = count(1)


def programs() -> Path | None:
    """Return the folder of the newest installed server's programs; Debian keeps them off PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).parent if on_path else None


@contextmanager
def server(binaries: Path) -> Iterator[Path]:
    """Run a fresh server; yields the folder of its socket."""
    folder = Path(tempfile.mkdtemp(prefix="quartet-pg-"))
    as_owner = os.getuid() == 0
    if as_owner:
        owner = pwd.getpwnam(OWNER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), *arguments]
        who = OWNER if as_owner else None
        subprocess.run(
            command, check=True, cwd=folder, user=who, group=who, stdout=subprocess.DEVNULL
        )

    data = str(folder / "data")
    careless = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off"
    options = f"-k {folder} -c listen_addresses= -c max_connections=100 {careless}"
    try:
        run("initdb", "-D", data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-sync")
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield folder
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def new_database(socket: Path, name: str = "", *, like: str = "template1") -> str:
    """Create a database as a copy of another, which nobody may use meanwhile; returns its URL."""
    name = name or f"t{next(_numbers)}"
    with psycopg.connect(host=str(socket), user=OWNER, dbname=OWNER, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {like}".encode())
    return f"postgresql+psycopg://{OWNER}@/{name}?host={socket}"
