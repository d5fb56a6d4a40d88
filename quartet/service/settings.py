"""The settings of one service, read from the environment here and nowhere else."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from quartet.contracts.policy import MODES, Mode
from quartet.packs.canary import named
from quartet.trust.people import AUDIENCE, LOCAL_ISSUER

DATABASES = {
    "tasks": "coordinator",
    "ledger": "toolbox",
    "documents": "reader",
    "notices": "console",
}
"""Each database by name, with the service that owns it."""
HOST = "127.0.0.1"
LOCAL_SUITE = "spiffe://public/ns/default"
MODELS_FILE = Path(__file__).resolve().parents[2] / "models.yaml"


@dataclass(frozen=True)
class Settings:
    """What one app of the suite is told when it starts; tokens never show in its repr."""

    app_id: str
    app_port: int
    dapr_http_port: int
    dapr_grpc_port: int
    data: Path
    host: str = HOST
    """Where the app listens."""
    suite: str = LOCAL_SUITE
    """What the SPIFFE ids of all app-ids of this suite begin with."""
    pack: str = "payables"
    canaries: tuple[str, ...] = ()
    """The specialists of the suite that have a canary."""
    prompts: Path | None = None
    """A folder of prompts instead of the pack's: a canary may have its own."""
    models: Path = MODELS_FILE
    policy: Path | None = None
    """The pack's policy, where it is not the policy.cedar of the pack's folder."""
    policy_mode: Mode = "enforce"
    api_token: str = field(default="", repr=False)
    app_token: str = field(default="", repr=False)
    issuer: str = LOCAL_ISSUER
    audience: str = AUDIENCE
    issuer_keys: str = ""
    """A JWKS file or https address; empty: that of the local issuer."""
    urls: dict[str, str] = field(default_factory=dict, repr=False)
    checkpoints: Path | None = None
    """The folder for signed checkpoints of the audit, best on another disk."""

    @property
    def checkpoints_file(self) -> Path:
        """Where signed checkpoints go besides the database."""
        return (self.checkpoints or self.data / "coordinator") / "checkpoints.jsonl"

    @property
    def service_keys(self) -> Path:
        """The file with the public keys of all app-ids."""
        return self.data / "trust" / "services.jwks.json"

    def database(self, name: str) -> str:
        """Return the URL of a database: QUARTET_<NAME>_URL, else SQLite in the data folder."""
        if name in self.urls:
            return self.urls[name]
        service = DATABASES[name]
        folder = self.data / service
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{folder / f'{name}.db'}"


def from_environment() -> Settings:
    """Return the settings of this process; exits with one line when it was started by hand."""
    env = os.environ
    try:
        return Settings(
            app_id=env["APP_ID"],
            app_port=int(env["APP_PORT"]),
            dapr_http_port=int(env["DAPR_HTTP_PORT"]),
            dapr_grpc_port=int(env["DAPR_GRPC_PORT"]),
            data=Path(env["QUARTET_DATA"]),
            host=env.get("QUARTET_HOST") or HOST,
            suite=env.get("QUARTET_SUITE") or LOCAL_SUITE,
            pack=env.get("QUARTET_PACK", "payables"),
            canaries=named(env.get("QUARTET_CANARIES", "")),
            prompts=Path(env["QUARTET_PROMPTS"]) if env.get("QUARTET_PROMPTS") else None,
            models=Path(env.get("QUARTET_MODELS") or MODELS_FILE),
            policy=Path(env["QUARTET_POLICY"]) if env.get("QUARTET_POLICY") else None,
            policy_mode=_mode(env.get("QUARTET_POLICY_MODE", "enforce")),
            api_token=env.get("DAPR_API_TOKEN", ""),
            app_token=env["APP_API_TOKEN"],
            **_issuer(env),
            checkpoints=Path(env["QUARTET_CHECKPOINTS"])
            if env.get("QUARTET_CHECKPOINTS")
            else None,
            urls={
                name: env[key]
                for name in DATABASES
                if (key := f"QUARTET_{name.upper()}_URL") in env
            },
        )
    except KeyError as error:
        sys.exit(
            f"{error.args[0]} is not set: this app runs beside its sidecar. Start the suite with "
            '`make run`, or with eval "$(quartet runtime up)" and `dapr run -f .`'
        )


def _issuer(env: Mapping[str, str]) -> dict[str, str]:
    """Return whose tokens sign people in; exits with one line for half an issuer."""
    names = {
        "issuer": "QUARTET_ISSUER",
        "audience": "QUARTET_AUDIENCE",
        "issuer_keys": "QUARTET_ISSUER_KEYS",
    }
    found = {name: env[key] for name, key in names.items() if env.get(key)}
    if found and len(found) < len(names):
        sys.exit(f"Of an issuer of people all of {', '.join(names.values())} are needed.")
    return found


def _mode(named: str) -> Mode:
    """Return the mode of this name; a misspelt one stops the start, it does not pick one."""
    for mode in MODES:
        if named == mode:
            return mode
    sys.exit(f"QUARTET_POLICY_MODE is {named!r}: name one of {', '.join(MODES)}.")
