"""What the Dapr CLI starts as `daprd`; gives the real one what this sidecar alone may have.

The run file's `env` reaches the app, never its sidecar, and the CLI expects Sentry on another port.
Standard library only.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from quartet.runtime import layout
from quartet.runtime.children import Program
from quartet.runtime.launcher import (
    NOT_SET_UP,
    PROVIDER_KEY,
    environment_value,
    keep,
    refuse,
)

REDIS_USER = "sidecar"
_OVERRIDDEN = {
    "--sentry-address": f"{layout.HOST}:{layout.SENTRY_PORT}",
    "--control-plane-trust-domain": layout.CONTROL_PLANE_TRUST_DOMAIN,
    "--dapr-internal-grpc-listen-address": layout.HOST,
    "--dapr-listen-addresses": layout.HOST,
    "--metrics-listen-address": layout.HOST,
}


def argument(arguments: Sequence[str], name: str) -> str | None:
    """Return the value of `--name value` or `--name=value`."""
    for position, given in enumerate(arguments):
        if given == name and position + 1 < len(arguments):
            return arguments[position + 1]
        if given.startswith(f"{name}="):
            return given.partition("=")[2]
    return None


def sidecar_arguments(given: Sequence[str]) -> list[str]:
    """Return the CLI's arguments with ours put in place of its own."""
    kept: list[str] = []
    skip = False
    for position, word in enumerate(given):
        if skip:
            skip = False
            continue
        name, equals, _ = word.partition("=")
        if name in _OVERRIDDEN:
            skip = not equals and position + 1 < len(given)
            continue
        kept.append(word)
    return [*kept, *(word for pair in _OVERRIDDEN.items() for word in pair)]


def missing_policy(given: Sequence[str], app_id: str) -> Path | None:
    """Return the workflow policy that should be among the resources of this sidecar and is not.

    daprd itself takes a policy that is not there for leave to do everything.
    """
    folders = [argument(given[at:], "--resources-path") for at in range(len(given))]
    name = f"{layout.workflow_policy(app_id)}.yaml"
    wanted = [Path(folder) / name for folder in folders if folder]
    if not layout.guarded(app_id) or any(path.is_file() for path in wanted):
        return None
    return wanted[0] if wanted else Path(name)


def sidecar_environment(
    data: layout.DataFolder, app_id: str, inherited: Mapping[str, str]
) -> dict[str, str]:
    """Return the sidecar's environment: trust anchors, its own secrets, Redis' password.

    Raises:
        FileNotFoundError: the data folder has no such secret; the file's name says which.

    """
    data.sentry_token(app_id).stat()  # read by daprd itself, and again at each renewal
    env = {name: inherited[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in inherited}
    env |= {
        "NAMESPACE": layout.NAMESPACE,
        "DAPR_HOST_IP": layout.HOST,
        "DAPR_TRUST_ANCHORS": data.trust_anchors.read_text(),
        "DAPR_SENTRY_TOKEN_FILE": str(data.sentry_token(app_id)),
        "GOGC": "400",
        "QUARTET_REDIS_PASSWORD": data.redis_password(REDIS_USER).read_text().strip(),
    }
    if app_id == layout.MODELS:
        env |= {name: key for name, key in inherited.items() if PROVIDER_KEY.fullmatch(name)}
    if app_id == layout.CONSOLE:
        env |= _notice_secrets(data)
    if app_id != layout.CLIENT:
        env["DAPR_API_TOKEN"] = data.api_token(app_id).read_text().strip()
        env["APP_API_TOKEN"] = data.app_token(app_id).read_text().strip()
        env["QUARTET_SIGNING_SEED"] = data.signing_seed(app_id).read_text().strip()
    return env


def _notice_secrets(data: layout.DataFolder) -> dict[str, str]:
    """Return what notices are signed and sent with; a mail server may want no password."""
    env = {"QUARTET_WEBHOOK_KEY": data.webhook_key.read_text().strip()}
    if data.smtp_password.exists():
        env["QUARTET_SMTP_PASSWORD"] = data.smtp_password.read_text().strip()
    return env


def main() -> None:
    """Run daprd for the app-id in argv until told to stop; `--version` goes straight through."""
    what = "The sidecar"
    data = layout.DataFolder(Path(environment_value("QUARTET_DATA", what)))
    real = data.binaries / "daprd"
    app_id = argument(sys.argv[1:], "--app-id")
    if app_id is None:
        os.execv(real, [str(real), *sys.argv[1:]])
    if policy := missing_policy(sys.argv[1:], app_id):
        refuse(f"The sidecar of {app_id} has no {policy}: run `quartet generate`.")
    try:
        env = sidecar_environment(data, app_id, os.environ)
    except FileNotFoundError as missing:
        refuse(
            f"{NOT_SET_UP.format(what=f'The sidecar of {app_id}')} ({missing.filename} is missing)"
        )
    keep(
        Program(
            name=f"daprd of {app_id}",
            argv=[str(real), *sidecar_arguments(sys.argv[1:])],
            env=env,
            log=data.logs / f"daprd-{app_id}.log",
        )
    )


if __name__ == "__main__":
    main()
