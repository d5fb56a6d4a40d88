"""Holds a pod back until what its sidecar takes for good at its start is there.

Helm makes resources of its own kinds first and Dapr's last; a sidecar that comes up in between
would run without its components, and with no policy of who may use its workflows. Each resource
bears the digest of the release it belongs to, and the pod the same. `python -m` this, with
QUARTET_GATE as the chart writes it.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from pydantic import BaseModel, ValidationError
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from quartet.runtime.errors import SetupError
from quartet.runtime.kube.api import Api, ApiAway

CONTENT = "quartet.dev/content"
WITHIN_S = 120.0
EVERY_S = 0.5
DRIVER = "postgresql+psycopg"
IN_SECRET = "Correct it in its Secret."  # noqa: S105 - says where
NO_SIDECAR = (
    "Dapr's injector left this pod without a sidecar: delete the pod. Under load it does that "
    "where Dapr was installed without dapr_sidecar_injector.webhookFailurePolicy=Fail."
)


class Gate(BaseModel):
    """What is waited for."""

    namespace: str
    content: str
    """The digest of the release."""
    resources: tuple[str, ...]
    """Plural and name of each Dapr resource, `components/pubsub`."""
    database: str = ""
    """The variable with the URL of the app's database, if it has one."""

    def lacking(self, api: Api) -> list[str]:
        """Return what is not there yet, or of another release."""
        base = f"/apis/dapr.io/v1alpha1/namespaces/{self.namespace}"
        found = {one: api.get(f"{base}/{one}") for one in self.resources}
        return [one for one, has in found.items() if has is None or _content(has) != self.content]


def main() -> None:
    """Return when all is there; exits with one line when it does not come."""
    if os.environ.get("QUARTET_INJECTED") != "true":
        sys.exit(NO_SIDECAR)
    try:
        gate = Gate.model_validate_json(os.environ.get("QUARTET_GATE", ""))
        api = Api.of_this_pod()
        wait(lambda: _missing(gate, api), "apply the chart again")
        if gate.database:
            url = checked(gate.database, os.environ.get(gate.database, ""))
            advice = f"look at the database and the Secret of {gate.database}"
            wait(lambda: unreachable(url), advice)
    except (SetupError, ValidationError) as error:
        sys.exit(str(error))


def wait(lacks: Callable[[], str], advice: str, within_s: float = WITHIN_S) -> None:
    """Return when nothing is lacking; raises SetupError with what still is after a while."""
    deadline = time.monotonic() + within_s
    said = ""
    while lacking := lacks():
        if lacking != said:
            print(f"waiting: {lacking}", flush=True)  # noqa: T201 - the pod's log
            said = lacking
        if time.monotonic() > deadline:
            raise SetupError(f"After {within_s:g} s still: {lacking}. To do: {advice}.")
        time.sleep(EVERY_S)


def checked(name: str, url: str) -> URL:
    """Return a URL that the suite can use; raises SetupError, never with a part of it."""
    try:
        given = make_url(url)
    except (ArgumentError, ValueError):
        given = None
    if given is None or given.drivername != DRIVER:
        raise SetupError(f"{name} has to be {DRIVER}://user:password@host:5432/name. {IN_SECRET}")
    if url.count("@") > 1 or not given.host or not given.database:
        raise SetupError(
            f"{name} cannot be taken apart: what is no letter or digit in user and password has to "
            f"be percent-encoded (@ is %40, # is %23, / is %2F). {IN_SECRET}"
        )
    return given


def unreachable(given: URL) -> str:
    """Return why a database cannot be used, or nothing; never its password."""
    plain = given.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(plain, connect_timeout=5) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError as error:
        return f"{given.host}: {str(error).strip().splitlines()[-1]}"
    return ""


def _missing(gate: Gate, api: Api) -> str:
    try:
        lacking = gate.lacking(api)
    except ApiAway as away:
        return str(away)
    return f"{', '.join(lacking)} of this release" if lacking else ""


def _content(resource: Mapping[str, Any]) -> str:
    return str(resource["metadata"].get("annotations", {}).get(CONTENT, ""))


if __name__ == "__main__":
    main()
