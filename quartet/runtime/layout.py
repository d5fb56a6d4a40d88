"""Where things are on one machine: ports, folders, app-ids; not what runs there.

Standard library only: the launchers import this, and every process of the suite pays for it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
DAPR_VERSION = "1.18.2"
CLI_VERSION = "1.16.5"
NAMESPACE = "default"
CONTROL_PLANE_TRUST_DOMAIN = "localhost"
SIDECAR_TRUST_DOMAIN = "public"

REDIS_PORT = 7600
SENTRY_PORT = 7601
PLACEMENT_PORT = 7602
PLACEMENT_RAFT_PORT = 7603
SCHEDULER_PORT = 7604
ETCD_CLIENT_PORT = 7605
ETCD_PEER_PORT = 7606
SENTRY_HEALTH_PORT = 7611
PLACEMENT_HEALTH_PORT = 7612
SCHEDULER_HEALTH_PORT = 7613
SENTRY_METRICS_PORT = 7621
PLACEMENT_METRICS_PORT = 7622
SCHEDULER_METRICS_PORT = 7623

CONTROL_PORTS: dict[str, int] = {
    "redis": REDIS_PORT,
    "sentry": SENTRY_PORT,
    "placement": PLACEMENT_PORT,
    "placement raft": PLACEMENT_RAFT_PORT,
    "scheduler": SCHEDULER_PORT,
    "scheduler etcd client": ETCD_CLIENT_PORT,
    "scheduler etcd peer": ETCD_PEER_PORT,
    "sentry health": SENTRY_HEALTH_PORT,
    "placement health": PLACEMENT_HEALTH_PORT,
    "scheduler health": SCHEDULER_HEALTH_PORT,
    "sentry metrics": SENTRY_METRICS_PORT,
    "placement metrics": PLACEMENT_METRICS_PORT,
    "scheduler metrics": SCHEDULER_METRICS_PORT,
}

CLIENT = "client"
COORDINATOR = "coordinator"
MODELS = "models"
CONSOLE = "console"
FIXED_APPS: dict[str, int] = {
    COORDINATOR: 1,
    "planner": 2,
    "critic": 3,
    MODELS: 4,
    "reader": 5,
    "toolbox": 6,
    CONSOLE: 7,
    CLIENT: 8,
}
FIRST_SPECIALIST = 11


@dataclass(frozen=True)
class App:
    """One app-id and the five ports that belong to it, all on loopback."""

    app_id: str
    index: int

    @property
    def has_app(self) -> bool:
        """Whether a service runs beside the sidecar; `client` is a sidecar alone."""
        return self.app_id != CLIENT

    @property
    def app_port(self) -> int:
        """Where the service itself listens."""
        return 7100 + self.index

    @property
    def http_port(self) -> int:
        """The sidecar's Dapr HTTP API."""
        return 7200 + self.index

    @property
    def grpc_port(self) -> int:
        """The sidecar's Dapr gRPC API."""
        return 7300 + self.index

    @property
    def internal_port(self) -> int:
        """Where sidecars talk to this sidecar, over mTLS."""
        return 7400 + self.index

    @property
    def metrics_port(self) -> int:
        """The sidecar's metrics (off by default)."""
        return 7500 + self.index

    @property
    def ports(self) -> dict[str, int]:
        """Each port of this app-id by what it is for."""
        named = {
            "Dapr HTTP": self.http_port,
            "Dapr gRPC": self.grpc_port,
            "Dapr internal gRPC": self.internal_port,
            "Dapr metrics": self.metrics_port,
        }
        return {"app": self.app_port, **named} if self.has_app else named


def app_table(specialists: tuple[str, ...]) -> tuple[App, ...]:
    """Return every app-id of the suite; specialists are numbered in the pack's order."""
    fixed = [App(app_id, index) for app_id, index in FIXED_APPS.items()]
    return (*fixed, *(App(app_id, FIRST_SPECIALIST + i) for i, app_id in enumerate(specialists)))


def guarded(app_id: str) -> bool:
    """Tell whether an app-id has a policy of who may have workflows run on it."""
    return app_id not in (COORDINATOR, CLIENT)


def workflow_policy(app_id: str) -> str:
    """Return the name of that policy, and of its file in components/ without `.yaml`."""
    return f"workflow-access-{app_id}"


def repository() -> Path:
    """Return the folder that holds dapr.yaml, services and packs."""
    return Path(__file__).resolve().parents[2]


def cache_folder() -> Path:
    """Return the folder for built binaries, shared by every checkout of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "quartet"


def service_folder(app_id: str) -> str:
    """Return the folder in services/ that runs as `app_id` (`specialist-finance`: specialist)."""
    if (repository() / "services" / app_id).is_dir():
        return app_id
    return app_id.split("-", 1)[0]


@dataclass(frozen=True)
class DataFolder:
    """The folder that holds everything a suite writes; secrets in it have mode 0600."""

    root: Path

    @classmethod
    def named(cls, path: str | Path | None = None) -> "DataFolder":
        """Return the given folder, else `QUARTET_DATA`, else `.quartet/data` of the checkout."""
        chosen = path or os.environ.get("QUARTET_DATA") or repository() / ".quartet" / "data"
        return cls(Path(chosen).resolve())

    @property
    def redis(self) -> Path:
        """Redis' configuration, append-only file and passwords."""
        return self.root / "redis"

    @property
    def sentry(self) -> Path:
        """Sentry's configuration, root certificate and issuer key."""
        return self.root / "sentry"

    @property
    def trust_anchors(self) -> Path:
        """The root certificate that Sentry writes at its first start."""
        return self.sentry / "ca.crt"

    @property
    def attestation(self) -> Path:
        """The keys that mint the tokens shown to Sentry; the supervisor's own."""
        return self.root / "attestation"

    @property
    def attestation_keys(self) -> Path:
        """The public minting keys; alone in their folder, which Sentry watches."""
        return self.attestation / "public" / "jwks.json"

    def sentry_token(self, subject: str) -> Path:
        """Return the file with the token that an app-id's sidecar shows to Sentry."""
        return self.attestation / "tokens" / subject

    @property
    def app_ids(self) -> Path:
        """The app-ids of the suite that runs on this folder, as a JSON list."""
        return self.runtime / "apps.json"

    @property
    def identities(self) -> Path:
        """Which app-id runs under which user."""
        return self.runtime / "identities.json"

    @property
    def apps(self) -> Path:
        """One folder for each app-id, with the secrets that it alone may read."""
        return self.root / "apps"

    @property
    def trust(self) -> Path:
        """The public keys that every service reads."""
        return self.root / "trust"

    @property
    def scheduler(self) -> Path:
        """The scheduler's etcd files."""
        return self.root / "scheduler"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.root / "logs"

    @property
    def runtime(self) -> Path:
        """What DAPR_RUNTIME_PATH names: the sidecar launcher, links to binaries, status."""
        return self.root / "runtime"

    @property
    def binaries(self) -> Path:
        """Links to the real binaries."""
        return self.runtime / "bin"

    @property
    def sidecar_launcher(self) -> Path:
        """The script that the Dapr CLI takes for daprd."""
        return self.runtime / ".dapr" / "bin" / "daprd"

    @property
    def leadership(self) -> Path:
        """Which scheduler process holds which lease."""
        return self.runtime / "scheduler-lease.json"

    @property
    def status(self) -> Path:
        """The supervisor's last word on its children, as JSON."""
        return self.runtime / "status.json"

    def api_token(self, app_id: str) -> Path:
        """Return the file with the token that the app shows to its sidecar."""
        return self.root / "apps" / app_id / "api-token"

    def app_token(self, app_id: str) -> Path:
        """Return the file with the token that the sidecar shows to its app."""
        return self.root / "apps" / app_id / "app-token"

    def signing_seed(self, app_id: str) -> Path:
        """Return the file with the seed of the keys that the app signs with."""
        return self.root / "apps" / app_id / "signing-seed"

    @property
    def webhook_key(self) -> Path:
        """The key, in hexadecimal, with which the console signs the webhooks it sends."""
        return self.root / "apps" / CONSOLE / "webhook-key"

    @property
    def smtp_password(self) -> Path:
        """The password of the console's login at its mail server, where it has one."""
        return self.root / "apps" / CONSOLE / "smtp-password"

    def redis_password(self, user: str) -> Path:
        """Return the file with the password of one Redis user."""
        return self.redis / f"{user}-password"

    @property
    def issuer_key(self) -> Path:
        """The private Ed25519 key with which the local issuer signs people in."""
        return self.root / "keys" / "issuer.jwk.json"

    @property
    def people_keys(self) -> Path:
        """The public keys of the local issuer."""
        return self.root / "trust" / "people.jwks.json"

    @property
    def people(self) -> Path:
        """The people whom the local issuer signs in."""
        return self.root / "people.yaml"

    @property
    def session(self) -> Path:
        """The token of `quartet login`, until it expires."""
        return self.root / "keys" / "session-token"

    @property
    def client_key(self) -> Path:
        """The private Ed25519 key of the local client."""
        return self.root / "keys" / "client.jwk.json"

    @property
    def client_keys(self) -> Path:
        """The public keys of clients that the coordinator trusts."""
        return self.root / "trust" / "clients.jwks.json"

    @property
    def service_keys(self) -> Path:
        """The public keys of all app-ids, past, present and some to come."""
        return self.root / "trust" / "services.jwks.json"
