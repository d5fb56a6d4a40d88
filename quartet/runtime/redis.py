"""The private Redis of one suite: its binary, configuration, users, and the durability check.

Never touches a Redis that runs already; nothing here starts or stops one.
"""

import hashlib
import shutil
from pathlib import Path

import redis

from quartet.runtime.errors import SetupError
from quartet.runtime.layout import HOST, REDIS_PORT, DataFolder, cache_folder
from quartet.runtime.machine import install_packages

OPERATOR = "operator"
SIDECAR = "sidecar"
CLIENT = "client"

_RIGHTS = {
    OPERATOR: "~* &* +@all",
    SIDECAR: "~* &* +@all -@admin -flushall -flushdb -swapdb +info",
    CLIENT: "resetkeys resetchannels -@all ~task-submitted +xadd",
}


def find_server() -> Path:
    """Return a redis-server binary, installing Debian's `redis-tools` when there is none.

    On Debian and Ubuntu that package holds the binary under its other name, redis-check-rdb, and
    starts no service; a link in the cache folder gives it the name that makes it a server.

    Raises:
        SetupError: there is none and it cannot be installed.

    """
    installed = shutil.which("redis-server")
    if installed:
        return behind(Path(installed))
    if shutil.which("redis-check-rdb") is None:
        install_packages("redis-tools")
    other_name = shutil.which("redis-check-rdb")
    if other_name is None:
        raise SetupError(
            "redis-tools holds no redis-check-rdb here: install `redis-server` by hand."
        )
    link = cache_folder() / "redis" / "redis-server"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(other_name)
    return link


def behind(program: Path) -> Path:
    """Return what a link in a data folder's `runtime/bin` names: that folder may be on PATH."""
    while program.is_symlink() and program.parent.match("runtime/bin"):
        program = program.readlink()
    return program


def write_configuration(data: DataFolder, *, port: int = REDIS_PORT) -> Path:
    """Write redis.conf (0600): loopback, append-only, three users, no default user."""
    lines = [
        f"bind {HOST}",
        f"port {port}",
        "protected-mode yes",
        "daemonize no",
        f"dir {data.redis}",
        "appendonly yes",
        "appendfsync everysec",
        "save 3600 1",
        *user_lines(data),
    ]
    path = data.redis / "redis.conf"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
    return path


def user_lines(data: DataFolder) -> list[str]:
    """Return the users as redis.conf and an ACL file name them, passwords as digests."""
    return [
        # Nobody can be the default user, but Redis replays its append-only file as this one:
        # without its rights every transaction in the file is refused, and lost, at the start.
        "user default off resetpass ~* &* +@all",
        *(
            f"user {user} on #{_digest(data.redis_password(user))} {rights}"
            for user, rights in _RIGHTS.items()
        ),
    ]


def _digest(password: Path) -> str:
    return hashlib.sha256(password.read_text().strip().encode()).hexdigest()


def users() -> tuple[str, ...]:
    """Return the names of the Redis users; each has a password file in the data folder."""
    return tuple(_RIGHTS)


def connect(data: DataFolder, user: str, *, port: int = REDIS_PORT) -> "redis.Redis":
    """Return a client of the suite's Redis that speaks as `user`."""
    return redis.Redis(
        host=HOST,
        port=port,
        username=user,
        password=data.redis_password(user).read_text().strip(),
        decode_responses=True,
        socket_timeout=5,
    )


def answers(client: "redis.Redis") -> bool:
    """Tell whether Redis is up and has loaded its data."""
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False


def require_append_only(client: "redis.Redis") -> None:
    """Refuse a Redis that forgets: without its append-only file, workflows vanish on a crash.

    Raises:
        SetupError: `appendonly` is not `yes`.

    """
    setting = client.config_get("appendonly")
    if setting.get("appendonly") != "yes":
        raise SetupError(
            "Redis keeps no append-only file, so a crash would lose workflows: "
            "set `appendonly yes` in its configuration."
        )
