"""The API server as a pod reaches it: with its service account's token, over TLS."""

import os
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from quartet.runtime.errors import SetupError

Document = dict[str, Any]
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_FIELD_MANAGER = "quartet"


class ApiAway(SetupError):
    """The API server gives no answer now; it may later."""


class Api:
    """Reads and writes objects by their path; what is not there is None."""

    def __init__(self, http: httpx.Client) -> None:
        """Take a client whose base URL is the API server's."""
        self._http = http

    @classmethod
    def of_this_pod(cls, account: Path = ACCOUNT) -> "Api":
        """Return the API server as this pod may use it.

        Raises:
            SetupError: this is no pod, or it was given no token.

        """
        try:
            host, port = (
                os.environ["KUBERNETES_SERVICE_HOST"],
                os.environ["KUBERNETES_SERVICE_PORT"],
            )
            token = (account / "token").read_text(encoding="utf-8").strip()
            trusted = ssl.create_default_context(cafile=str(account / "ca.crt"))
        except (KeyError, OSError) as error:
            raise SetupError(f"This runs in a pod that has a service account ({error}).") from error
        where = f"[{host}]" if ":" in host else host
        return cls(
            httpx.Client(
                base_url=f"https://{where}:{port}",
                headers={"authorization": f"Bearer {token}"},
                verify=trusted,
                timeout=10.0,
                trust_env=False,
            )
        )

    def get(self, path: str) -> Document | None:
        """Return an object, None when there is none."""
        answer = self._send("GET", path, None)
        return None if answer.status_code == HTTPStatus.NOT_FOUND else _read(answer, path)

    def create(self, path: str, body: Document) -> bool:
        """Make an object in a collection; return whether it was not there before."""
        answer = self._send("POST", f"{path}?fieldManager={_FIELD_MANAGER}", body)
        if answer.status_code == HTTPStatus.CONFLICT:
            return False
        _read(answer, path)
        return True

    def replace(self, path: str, body: Document) -> None:
        """Write an object that is there, as it was read: raises SetupError if it changed since."""
        _read(self._send("PUT", f"{path}?fieldManager={_FIELD_MANAGER}", body), path)

    def delete(self, path: str) -> None:
        """Remove an object if it is there."""
        answer = self._send("DELETE", path, None)
        if answer.status_code != HTTPStatus.NOT_FOUND:
            _read(answer, path)

    def _send(self, method: str, path: str, body: Document | None) -> httpx.Response:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.TransportError as error:
            raise ApiAway(f"The API server gives no answer ({type(error).__name__}).") from error
        if answer.is_server_error or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise ApiAway(f"The API server answers {answer.status_code} to {method} {path}.")
        return answer


def _read(answer: httpx.Response, path: str) -> Document:
    found: Document = answer.json()
    if not answer.is_success:
        says = found.get("message", answer.reason_phrase)
        raise SetupError(f"{answer.request.method} {path}: {says}")
    return found
