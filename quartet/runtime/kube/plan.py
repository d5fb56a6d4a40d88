"""Which secrets a release has, and which file of a data folder each of their keys is."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from quartet.runtime.issuer import make_issuer
from quartet.runtime.layout import DataFolder
from quartet.runtime.redis import SIDECAR, user_lines
from quartet.runtime.secret_files import make_secrets, write_once, write_secret

DATABASE_PORT = 5432


@dataclass(frozen=True)
class Kept:
    """One Secret: its name, and the file behind each key."""

    name: str
    files: dict[str, Path]


class Plan(BaseModel):
    """What the chart says of its release."""

    prefix: str
    namespace: str
    instance: str
    apps: tuple[str, ...]
    issuer: bool
    """Whether people are signed in by an issuer of the release's own."""
    stores: bool
    """Whether the release brings Redis and Postgres of its own."""
    databases: tuple[str, ...]

    @property
    def trust(self) -> str:
        """The name of the ConfigMap with the public keys."""
        return f"{self.prefix}-trust"

    def signing(self, app_id: str) -> str:
        """Return the name of the Secret with an app-id's seed."""
        return f"{self.prefix}-{app_id}-signing"

    def secrets(self, data: DataFolder) -> list[Kept]:
        """Return every Secret of the release."""
        kept = [one for app_id in self.apps for one in self._of_app(data, app_id)]
        kept.append(self._kept("notices", **{"webhook-key": data.webhook_key}))
        client = {data.client_key.name: data.client_key, data.client_keys.name: data.client_keys}
        kept.append(self._kept("client", **client))
        if self.issuer:
            pair = {p.name: p for p in (data.issuer_key, data.people_keys)}
            kept.append(self._kept("issuer", **pair))
        if self.stores:
            passwords = {"password": data.redis_password(SIDECAR), "users.acl": _acl(data)}
            kept.append(self._kept("redis", **passwords))
            kept.append(self._kept("postgres", password=_database(data, "owner")))
            kept += [self._kept(f"database-{n}", url=_database(data, n)) for n in self.databases]
        return kept

    def make(self, data: DataFolder) -> None:
        """Make what is missing of all this in the folder."""
        make_secrets(data, self.apps)
        if self.issuer:
            make_issuer(data)
        if self.stores:
            if not _acl(data).exists():
                write_secret(_acl(data), "\n".join(user_lines(data)) + "\n")
            write_once(_database(data, "owner"), secrets.token_urlsafe(32))
            for name in self.databases:
                write_once(_database(data, name), self._url(name, secrets.token_urlsafe(32)))

    def _url(self, name: str, password: str) -> str:
        where = f"{self.prefix}-postgres:{DATABASE_PORT}"
        return f"postgresql+psycopg://quartet_{name}:{password}@{where}/quartet_{name}"

    def _of_app(self, data: DataFolder, app_id: str) -> list[Kept]:
        return [
            self._kept(f"{app_id}-api", token=data.api_token(app_id)),
            self._kept(f"{app_id}-app", token=data.app_token(app_id)),
            self._kept(f"{app_id}-signing", seed=data.signing_seed(app_id)),
        ]

    def _kept(self, name: str, **files: Path) -> Kept:
        return Kept(f"{self.prefix}-{name}", files)


def public_files(data: DataFolder) -> list[Path]:
    """Return what every service may read, as far as it is there."""
    named = (data.service_keys, data.client_keys, data.people_keys, data.people)
    return [path for path in named if path.exists()]


def _acl(data: DataFolder) -> Path:
    return data.redis / "users.acl"


def _database(data: DataFolder, name: str) -> Path:
    return data.root / "databases" / name
