"""dapr.yaml and the run files of tests, every port pinned; no processes here."""

from collections.abc import Mapping, Sequence
from typing import Any

from quartet.runtime.layout import HOST, PLACEMENT_PORT, SCHEDULER_PORT, App
from quartet.runtime.shape import Shape

Document = dict[str, Any]


def run_file(
    shape: Shape,
    folder: str = ".",
    commands: Mapping[str, Sequence[str]] | None = None,
    env: Mapping[str, Mapping[str, str]] | None = None,
) -> Document:
    """Return a run file for `dapr run -f`.

    Args:
        shape: whose app-ids.
        folder: the repository, as seen from where the file will lie.
        commands: app-id to a command that replaces its service (run by the launcher all the same).
        env: app-id to further environment of its app.

    """
    return {
        "version": 1,
        "name": "quartet",
        "common": {
            "resourcesPaths": [f"{folder}/components"],
            "logLevel": "error",
            "appLogDestination": "console",
            "daprdLogDestination": "console",
            "appProtocol": "http",
            "apiListenAddresses": HOST,
            "maxBodySize": "16Mi",
            "readBufferSize": "32Ki",
            "placementHostAddress": f"{HOST}:{PLACEMENT_PORT}",
            "schedulerHostAddress": f"{HOST}:{SCHEDULER_PORT}",
        },
        "apps": [
            _entry(app, folder, (commands or {}).get(app.app_id), (env or {}).get(app.app_id))
            for app in sorted(shape.apps, key=lambda app: (not app.has_app, app.index))
        ],
    }


def _entry(
    app: App, folder: str, command: Sequence[str] | None, env: Mapping[str, str] | None
) -> Document:
    entry: Document = {
        "appID": app.app_id,
        "appDirPath": folder,
        "configFilePath": f"config/{app.app_id}.yaml",
        "daprHTTPPort": app.http_port,
        "daprGRPCPort": app.grpc_port,
        "daprInternalGRPCPort": app.internal_port,
        "metricsPort": app.metrics_port,
    }
    if app.has_app:
        instead = ["--", *command] if command else []
        entry["appPort"] = app.app_port
        entry["command"] = ["python3", "-m", "quartet.runtime.launch", app.app_id, *instead]
    if env:
        entry["env"] = dict(env)
    return entry
