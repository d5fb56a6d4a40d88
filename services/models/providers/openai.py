"""A provider over HTTP: any OpenAI-compatible endpoint. The wire form is in openai_shape.

The API key is read from the secret store at the first call, kept in memory, and read again after
it was refused; it is in no log, message or repr.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from quartet.contracts.chat import ChatRequest
from quartet.resilience.failures import Abandon, Failing, RetryChanged, RetryLater
from services.models.config import OpenAI
from services.models.provider import Completion, Route, Secrets
from services.models.providers.openai_shape import body_of, completion_of

SECRET_STORE = "secretstore"  # noqa: S105 - the name of a component
_MOST_S = 300.0
_WAIT_S = 10.0
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT)


class Endpoint:
    """One endpoint; safe to share between threads."""

    def __init__(
        self,
        name: str,
        config: OpenAI,
        secrets: Secrets,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect to nothing yet."""
        self.name, self._config, self._secrets, self._clock = name, config, secrets, clock
        self._key: str | None = None
        self._http = httpx.Client(
            base_url=str(config.base_url),
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
            follow_redirects=False,
            trust_env=False,
        )

    def __repr__(self) -> str:
        """Name the endpoint, never its key."""
        return f"Endpoint({self.name!r}, {str(self._config.base_url)!r})"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def complete(self, request: ChatRequest, route: Route) -> Completion:
        """Return the completion; see the port. ``route.timeout_s`` bounds the whole call."""
        until = self._clock() + route.timeout_s
        call = self._http.build_request(
            "POST",
            "chat/completions",
            json=body_of(request, route),
            headers={"accept-encoding": "identity", **self._authorization()},
            timeout=httpx.Timeout(
                min(self._config.read_timeout_s, route.timeout_s),
                connect=min(self._config.connect_timeout_s, route.timeout_s),
            ),
        )
        try:
            answer = self._http.send(call, stream=True)
            try:
                body = self._read(answer, until)
            finally:
                answer.close()
        except httpx.TimeoutException as error:
            raise self._timed_out(type(error).__name__, route) from error
        except httpx.TransportError as error:
            asked = not isinstance(error, httpx.ConnectError)
            raise RetryLater(
                f"Model provider {self.name!r} cannot be reached ({type(error).__name__}). Check "
                "base_url and the network; it is tried again.",
                cause="network",
                title="ModelCutOff" if asked else "ModelAway",
            ) from error
        if body is None:
            raise self._timed_out("the answer did not end", route)
        if not answer.is_success:
            raise self._refusal(answer, body)
        return completion_of(body)

    def _authorization(self) -> dict[str, str]:
        if self._config.secret is None:
            return {}
        if self._key is None:
            self._key = self._secret(self._config.secret)
        return {"authorization": f"Bearer {self._key}"}

    def _secret(self, name: str) -> str:
        try:
            return self._secrets.secret(SECRET_STORE, name)
        except Failing as error:
            if error.failure.title == "SidecarAway":
                raise
            raise Abandon(
                f"Secret {name!r}, the key of model provider {self.name!r}, is not to be had from "
                f"{SECRET_STORE}. Set it there.",
                cause="model",
                title="ModelKeyMissing",
            ) from error

    def _read(self, answer: httpx.Response, until: float) -> bytes | None:
        """Return the body, None when time is up first; raises RetryChanged for a too large one."""
        body = bytearray()
        for piece in answer.iter_raw():
            body += piece
            if len(body) > self._config.max_answer_bytes:
                raise RetryChanged(
                    f"The answer of model provider {self.name!r} has over "
                    f"{self._config.max_answer_bytes} bytes. Ask for less, or raise "
                    "max_answer_bytes.",
                    cause="model",
                    title="AnswerTooLarge",
                )
            if self._clock() > until:
                return None
        return bytes(body)

    def _refusal(self, answer: httpx.Response, body: bytes) -> Failing:
        status = answer.status_code
        if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            limited = status == HTTPStatus.TOO_MANY_REQUESTS
            after = retry_after(answer.headers.get("retry-after"), datetime.now(UTC))
            return RetryLater(
                f"Model provider {self.name!r} {'is rate limited' if limited else 'failed'} "
                f"({status}). It is tried again after {after:.0f} s.",
                cause="model",
                title="ModelRateLimited" if limited else "ModelFailed",
                after=after,
            )
        if status in _REFUSED:
            self._key = None
            return Abandon(self._key_refused(status), cause="model", title="ModelKeyRefused")
        says = self._without_key(body[:300].decode("utf-8", "replace"))
        return Abandon(
            f"Model provider {self.name!r} refused the request ({status}): {says}. Correct the "
            "route (model, base_url) or the request.",
            cause="model",
            title="ModelRequestRefused",
        )

    def _key_refused(self, status: int) -> str:
        if self._config.secret is None:
            return (
                f"Model provider {self.name!r} wants a key ({status}). Put one into {SECRET_STORE} "
                f"and name it as `secret` of {self.name!r} in models.yaml."
            )
        return (
            f"Model provider {self.name!r} refused the key ({status}). Set secret "
            f"{self._config.secret!r} in {SECRET_STORE} to a valid one."
        )

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text

    def _timed_out(self, what: str, route: Route) -> RetryLater:
        return RetryLater(
            f"Model provider {self.name!r} was too slow ({what}; at most {route.timeout_s:g} s in "
            f"all). It is tried again; raise timeout_s of {route.model!r} if it is always so.",
            cause="model",
            title="ModelTimedOut",
            after=_WAIT_S,
        )


def retry_after(header: str | None, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks to wait, five minutes at most.

    A step that waits longer would be taken for lost (docs/decisions/0038).
    """
    return min(_asked_s(header, now), _MOST_S)


def _asked_s(header: str | None, now: datetime) -> float:
    if header is None:
        return _WAIT_S
    if header.strip().isascii() and header.strip().isdigit():
        return float(header)
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return _WAIT_S
    moment = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
