"""Start one service and keep it running: `python -m quartet.runtime.launch <app-id> [-- command]`.

The parent of `python -m services.<folder>.app`; gives it the two tokens of its app-id, its own
user where there is one, and nothing of anybody else's. Standard library only.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from quartet.runtime import identities, layout
from quartet.runtime.children import Program
from quartet.runtime.launcher import (
    NOT_SET_UP,
    PROVIDER_KEY,
    environment_value,
    keep,
    refuse,
)


def service_command(app_id: str, rest: Sequence[str]) -> list[str]:
    """Return what follows `--`, else the command of the service that runs as `app_id`."""
    if rest and rest[0] == "--" and len(rest) > 1:
        return list(rest[1:])
    return [sys.executable, "-m", f"services.{layout.service_folder(app_id)}.app"]


def service_environment(
    data: layout.DataFolder, app_id: str, inherited: Mapping[str, str]
) -> dict[str, str]:
    """Return the service's environment: what the Dapr CLI gave, its app-id and its own two tokens.

    The keys of model providers stay out of it: services get them from their sidecar, if they may.

    Raises:
        FileNotFoundError: the data folder has no tokens for this app-id.

    """
    return {
        **{name: value for name, value in inherited.items() if not PROVIDER_KEY.fullmatch(name)},
        "APP_ID": app_id,
        "QUARTET_DATA": str(data.root),
        "DAPR_API_TOKEN": data.api_token(app_id).read_text().strip(),
        "APP_API_TOKEN": data.app_token(app_id).read_text().strip(),
        "PYTHONUNBUFFERED": "1",
    }


def main() -> None:
    """Keep the service of the app-id in argv running until told to stop."""
    if len(sys.argv) < 2:
        refuse("Say which app-id to launch: python -m quartet.runtime.launch <app-id> [-- command]")
    app_id = sys.argv[1]
    data = layout.DataFolder(Path(environment_value("QUARTET_DATA", app_id)))
    try:
        env = service_environment(data, app_id, os.environ)
        user = identities.read(data).uids.get(app_id)
    except FileNotFoundError as missing:
        refuse(f"{NOT_SET_UP.format(what=app_id)} ({missing.filename} is missing)")
    keep(
        Program(
            name=app_id,
            argv=service_command(app_id, sys.argv[2:]),
            env=env,
            log=data.logs / f"{app_id}.log",
            user=user,
        )
    )


if __name__ == "__main__":
    main()
