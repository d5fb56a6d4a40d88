"""The sidecar over its HTTP API: invocation, pub/sub, state, secrets; retries are the caller's."""

import json
from copy import copy
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import httpx
from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import BaseModel, ValidationError

from quartet.contracts.base import Contract, Json, TaskId
from quartet.contracts.chat import ChatRequest
from quartet.contracts.event import TOPICS, Topic, type_of
from quartet.contracts.failure import Failure, Problem
from quartet.resilience.failures import Abandon, Failing, RetryLater, failing
from quartet.sidecar.calling import headers_for
from quartet.trust.keys import Signer
from quartet.trust.signing import EVENT, event_statement

Got = TypeVar("Got", bound=BaseModel)
PUBSUB = "pubsub"
SECRETS, SIGNING_SEED = "secretstore", "SIGNING_SEED"
TXN_TOKEN = "Txn-Token"  # noqa: S105 - a header
JSON = "application/json"
PERSON_TOKEN = "Person-Token"  # noqa: S105 - a header


class Sidecar:
    """One app's own sidecar on loopback; safe to share between threads.

    ``signer`` signs as the app-id; its seed is a secret that the sidecar gives to nobody else.
    """

    def __init__(
        self, app_id: str, port: int, token: str = "", signer: Signer | None = None
    ) -> None:
        """Take the app-id that speaks, its sidecar's HTTP port, and the sidecar's API token."""
        self.app_id = app_id
        self.signer = signer or Signer(app_id, self._seed)
        self._more: dict[str, str] = {}
        headers = {"dapr-api-token": token} if token else {}
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers=headers,
            timeout=httpx.Timeout(30.0, connect=5.0),
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=50),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def for_person(self, token: str) -> "Sidecar":
        """Return a view of this sidecar whose calls carry the bearer token of a person."""
        view = copy(self)
        view._more = {PERSON_TOKEN: token}
        return view

    def call(  # noqa: PLR0913 - the port's
        self,
        app_id: str,
        path: str,
        sent: BaseModel | None,
        returns: type[Got],
        timeout_s: float = 30.0,
        token: str = "",
    ) -> Got:
        """Call a verb of another app as this app-id; see the port."""
        url = f"/v1.0/invoke/{app_id}/method/callers/{self.app_id}/{path}"
        request = self._http.build_request(
            "GET" if sent is None else "POST",
            url,
            content=None if sent is None else sent.model_dump_json(),
            headers={
                "content-type": JSON,
                **headers_for(_task_of(sent)),
                **_shown(token),
                **self._more,
            },
            timeout=httpx.Timeout(timeout_s, connect=5.0),
        )
        answer = self._send(request, f"{app_id} {path}")
        try:
            return returns.model_validate_json(answer.content)
        except ValidationError as error:
            raise _unusable(error, f"{app_id} {path}") from error

    def publish(self, topic: str, event_id: str, data: Contract) -> None:
        """Publish one CloudEvent, source ``/<app-id>``, signed by it; see the port."""
        known: tuple[Topic, ...] = tuple(t for t in TOPICS if t == topic)
        event_type = type_of(known[0]) if known else f"quartet.{topic.replace('-', '.')}.v1"
        body = data.model_dump(mode="json")
        signed: dict[str, Json] = {
            "id": event_id,
            "source": f"/{self.app_id}",
            "type": event_type,
        }
        signature = self.signer.sign(event_statement(signed | {"data": body}), EVENT)
        event = CloudEvent(
            attributes={
                **signed,
                "specversion": "1.0",
                "time": datetime.now(UTC),
                "datacontenttype": "application/json",
                "signature": signature,
            },
            data=body,
        )
        message = to_structured(event, JSONFormat())
        self.publish_raw(topic, message.body)

    def publish_raw(self, topic: str, event: bytes) -> None:
        """Publish the bytes of a structured CloudEvent as they are."""
        url = f"/v1.0/publish/{PUBSUB}/{topic}"
        self._post(url, event, f"topic {topic}", "application/cloudevents+json")

    def secret(self, store: str, name: str) -> str:
        """Return one secret; raises Abandon when the store has none of this name."""
        answer = self._get(f"/v1.0/secrets/{store}/{name}", f"secret {name}")
        if answer.status_code == HTTPStatus.NO_CONTENT:
            raise Abandon(f"Secret {name!r} is not in {store}.", cause="data", title="NoSecret")
        return str(answer.json()[name])

    def _seed(self) -> bytes:
        return bytes.fromhex(self.secret(SECRETS, SIGNING_SEED))

    def ready(self) -> bool:
        """Return whether the sidecar answers and is initialised."""
        try:
            return self._http.get("/v1.0/healthz/outbound", timeout=2.0).is_success
        except httpx.HTTPError:
            return False

    def read_state(self, store: str, key: str) -> tuple[Json, str | None]:
        """Return value and ETag of a key; (None, None) when there is none."""
        url = f"/v1.0/state/{store}/{quote(key, safe='')}?consistency=strong"
        answer = self._get(url, f"state {store}")
        if answer.status_code == HTTPStatus.NO_CONTENT or not answer.content:
            return None, None
        return answer.json(), answer.headers.get("etag")

    def write_state(self, store: str, key: str, value: Json, *, first: bool) -> bool:
        """Write a key; with ``first`` only when there is none. Return whether it was written."""
        entry: dict[str, Json] = {"key": key, "value": value}
        if first:
            entry["options"] = {"concurrency": "first-write", "consistency": "strong"}
        try:
            self._post(f"/v1.0/state/{store}", json.dumps([entry]).encode(), f"state {store}")
        except Failing as error:
            if first and error.failure.title == "EtagMismatch":
                return False
            raise
        return True

    def schedule(self, job: str, schedule: str) -> None:
        """Have ``POST /job/<job>`` called on this app on that schedule from now on.

        A job that is there with the same schedule stays as it is, so a restart moves none. It
        needs data: a sidecar of 1.18 can neither deliver nor show a job without any.
        """
        url, what = f"/v1.0/jobs/{quote(job, safe='')}", f"job {job}"
        wanted: dict[str, Json] = {"schedule": schedule, "data": job}
        try:
            self._post(url, json.dumps(wanted).encode(), what)
        except Failing as error:
            if error.failure.title != "EtagMismatch":
                raise
            if self._get(url, what).json().get("schedule") != schedule:
                self._post(url, json.dumps(wanted | {"overwrite": True}).encode(), what)

    def _post(self, url: str, body: bytes, what: str, media: str = JSON) -> httpx.Response:
        request = self._http.build_request(
            "POST", url, content=body, headers={"content-type": media}, timeout=10.0
        )
        return self._send(request, what)

    def _get(self, url: str, what: str) -> httpx.Response:
        return self._send(self._http.build_request("GET", url, timeout=10.0), what)

    def _send(self, request: httpx.Request, what: str) -> httpx.Response:
        try:
            answer = self._http.send(request)
        except httpx.TransportError as error:
            raise RetryLater(
                f"{what}: the sidecar of {self.app_id} gave no answer ({type(error).__name__}). "
                "It may be restarting; try again.",
                cause="network",
                title="SidecarAway",
            ) from error
        if answer.is_success:
            return answer
        raise refused(answer, what)


class SidecarState:
    """One Dapr state store behind the StateStore port."""

    def __init__(self, sidecar: Sidecar, store: str) -> None:
        """Take the sidecar and the component's name."""
        self._sidecar, self._store = sidecar, store

    def get(self, key: str) -> Json:
        """Return the value, or None."""
        return self._sidecar.read_state(self._store, key)[0]

    def put(self, key: str, value: Json) -> None:
        """Write the value, whatever was there."""
        self._sidecar.write_state(self._store, key, value, first=False)

    def put_first(self, key: str, value: Json) -> Json:
        """Write the value unless there is one; return the one that is there now."""
        try:
            if self._sidecar.write_state(self._store, key, value, first=True):
                return value
        except Failing:
            # Redis tells a lost race as a plain failure: what counts is whether there is a value.
            if (found := self.get(key)) is None:
                raise
            return found
        return self.get(key)


def _task_of(sent: BaseModel | None) -> TaskId | None:
    """Return the task that a message is about, if it names one."""
    about = sent.purpose if isinstance(sent, ChatRequest) else sent
    task = getattr(about, "task", None)
    return task if isinstance(task, str) else None


def _shown(token: str) -> dict[str, str]:
    return {TXN_TOKEN: token} if token else {}


def refused(answer: httpx.Response, what: str) -> Failing:
    """Return the failure of an error answer: the callee's own problem, or the sidecar's code."""
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        try:
            p = Problem.model_validate_json(answer.content)
        except ValidationError:
            return _away(what, answer)
        told = failing(
            Failure(
                title=p.title, detail=p.detail, cause=p.cause, advice=p.advice, after_s=p.after_s
            )
        )
        told.answered = p.status
        return told
    if answer.status_code == HTTPStatus.FORBIDDEN:
        return Abandon(
            f"{what}: denied by access control. Only the app-ids of the matrix may call it.",
            cause="policy",
            title="AccessDenied",
        )
    if answer.status_code == HTTPStatus.CONFLICT or "etag" in answer.text.lower():
        return Abandon(f"{what}: somebody wrote it first.", cause="data", title="EtagMismatch")
    return _away(what, answer)


def _unusable(error: ValidationError, what: str) -> Failing:
    """Return the failure of an answer that is cut off (its app was killed) or no such message."""
    if error.errors()[0]["type"] == "json_invalid":
        return RetryLater(
            f"{what}: the answer is cut off. It may be restarting; try again.",
            cause="network",
            title="AnswerCutOff",
        )
    says = f"{what}: the answer does not fit its contract: {str(error)[:500]}"
    return Abandon(says, cause="tool", title="AnswerRefused")


def _away(what: str, answer: httpx.Response) -> Failing:
    says = answer.text[:300]
    unsendable = "invalid method" in says  # a path that the sidecar sends nowhere, ever
    if unsendable or answer.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
        return Abandon(f"{what}: {answer.status_code} {says}", cause="tool", title="CallRefused")
    return RetryLater(
        f"{what}: {answer.status_code} {says}. It may be restarting; try again.",
        cause="network",
        title="Unavailable",
    )
