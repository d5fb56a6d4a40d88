"""Begins a service beside a sidecar that is new enough: `python -m` this `services.planner.app`.

The chart sees which kinds Dapr's installation has, not which version its sidecars are; the sidecar
itself says so. The service then takes this process's place.
"""

import http.client
import json
import os
import re
import sys
import time
from collections.abc import Mapping

from quartet.runtime.layout import DAPR_VERSION

WITHIN_S = 20.0
EVERY_S = 0.1


def main() -> None:
    """Become the service; exits with one line beside a sidecar that is too old."""
    if len(sys.argv) != 2:
        sys.exit("Say which service: services.<folder>.app.")
    if said := too_old(version(os.environ)):
        sys.exit(said)
    os.execv(sys.executable, [sys.executable, "-m", sys.argv[1]])


def too_old(found: str) -> str:
    """Return what to do about a sidecar's version, nothing if it will do or is no number."""
    if not found or not _number(found) or _number(found) >= _number(DAPR_VERSION):
        return ""
    return (
        f"The sidecar of this pod is Dapr {found}: the suite needs {DAPR_VERSION} or later. "
        "Upgrade Dapr's control plane, its CRDs first, then restart the pods."
    )


def version(env: Mapping[str, str], within_s: float = WITHIN_S) -> str:
    """Return the version that the pod's sidecar says it has, nothing if it does not answer."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            return _asked(int(env["DAPR_HTTP_PORT"]), env.get("DAPR_API_TOKEN", ""))
        except (OSError, http.client.HTTPException, ValueError):
            time.sleep(EVERY_S)
    return ""


def _asked(port: int, token: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v1.0/metadata", headers={"dapr-api-token": token})
        answer = connection.getresponse()
        told = json.loads(answer.read())
    finally:
        connection.close()
    return str(told.get("runtimeVersion", "")) if answer.status == http.HTTPStatus.OK else ""


def _number(version: str) -> tuple[int, ...]:
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    return tuple(int(part) for part in found.groups()) if found else ()


if __name__ == "__main__":
    main()
