"""The console's HTTP API as the verbs call it; its answers become contracts or one line."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from quartet.cli.signing_in import credentials
from quartet.cli.speech import Told
from quartet.contracts.approval import (
    ApprovalList,
    ApprovalsWanted,
    ApprovalView,
    DecisionKind,
    Said,
)
from quartet.contracts.audit import AuditState, Checkpoints, SignedCheckpoint
from quartet.contracts.base import Fields, Json, TaskId
from quartet.contracts.canary import Canaries, CanaryView, ShareWanted
from quartet.contracts.failure import Problem
from quartet.contracts.story import CheckpointView
from quartet.contracts.task import Document, MediaType
from quartet.contracts.view import (
    DeadLetters,
    Done,
    Heard,
    OperationArguments,
    OperationResult,
    Submitted,
    TaskList,
    TaskView,
    Why,
)
from quartet.runtime.layout import FIXED_APPS, HOST, App, DataFolder

Got = TypeVar("Got", bound=BaseModel)
Query = Mapping[str, str | int | float | None]
CALL_S = 40.0
_PAUSE_S = 0.5
_PASSING = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


class Refused(Told):
    """The console's answer was a problem: ``title: detail``."""

    def __init__(self, problem: Problem) -> None:
        """Take the problem document."""
        self.problem = problem
        super().__init__(f"{problem.title}: {problem.detail}")

    @property
    def passes(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self.problem.advice in ("retry-now", "retry-later")


class Silent(Told):
    """The console does not answer at all."""


@dataclass(frozen=True)
class Console:
    """A client of the console; ``patience_s`` is how long it tries again what may pass."""

    http: httpx.Client = field(repr=False)
    patience_s: float = 0.0

    def upload(self, content: bytes, name: str, media_type: MediaType) -> Document:
        """Store a document in the reader."""
        query = {"name": name, "media_type": media_type}
        return self._call("POST", "/documents", Document, query=query, content=content)

    def submit(self, event: Fields, *, anonymous: bool = False) -> TaskId:
        """Put the event of a task onto the broker; return the id of its task.

        Unsigned it runs as who speaks, unless it shall be ``anonymous``.
        """
        query = {"anonymous": "true"} if anonymous else None
        return self._call("POST", "/tasks", Submitted, sent=event, query=query).task

    def tasks(
        self, batch: str | None = None, state: str | None = None, most: int = 200
    ) -> tuple[TaskView, ...]:
        """Return tasks, newest first, without their history."""
        query = {"batch": batch, "state": state, "most": most}
        return self._call("GET", "/tasks", TaskList, query=query).tasks

    def task(self, task: TaskId) -> TaskView:
        """Return one task with its history."""
        return self._call("GET", f"/tasks/{task}", TaskView)

    def checkpoint(self, task: TaskId) -> CheckpointView:
        """Return everything that one task could be continued or explained from."""
        return self._call("GET", f"/tasks/{task}/checkpoint", CheckpointView)

    def known(self, task: TaskId) -> TaskView | None:
        """Return one task, None when it has not been taken in."""
        try:
            return self.task(task)
        except Refused as refused:
            if refused.problem.title == "UnknownTask":
                return None
            raise

    def cancel(self, task: TaskId, why: str) -> Done:
        """Ask for a task to stop."""
        return self._call("POST", f"/tasks/{task}/cancel", Done, sent=Why(why=why))

    def dead_letters(self, most: int = 100) -> DeadLetters:
        """Return dead letters, newest first."""
        return self._call("GET", "/dead-letters", DeadLetters, query={"most": most})

    def replay(self, letter: str) -> Done:
        """Put the body of a dead letter onto its topic again."""
        return self._call("POST", f"/dead-letters/{letter}/replay", Done)

    def canaries(self) -> Canaries:
        """Return every canary of the suite beside its base."""
        return self._call("GET", "/canaries", Canaries)

    def give_share(self, app_id: str, percent: int, why: str) -> CanaryView:
        """Give a canary so many of a hundred new tasks."""
        sent = ShareWanted(percent=percent, why=why)
        return self._call("POST", f"/canaries/{quote(app_id, safe='')}", CanaryView, sent=sent)

    def operate(self, name: str, arguments: Fields) -> Json:
        """Run an operation of the pack or of the toolbox."""
        return self._call("POST", f"/operations/{name}", OperationResult, sent=arguments).root

    def audit(self) -> AuditState:
        """Return the newest checkpoint of the audit, and the alarm if one is open."""
        return self._call("GET", "/audit", AuditState)

    def attest(self) -> AuditState:
        """Have the coordinator sign the audit as it is now."""
        return self._call("POST", "/audit/attest", AuditState)

    def acknowledge(self, why: str) -> AuditState:
        """Let signing go on after an alarm."""
        return self._call("POST", "/audit/acknowledge", AuditState, sent=Why(why=why))

    def checkpoints(self) -> Iterator[SignedCheckpoint]:
        """Give every signed checkpoint, oldest first."""
        after = 0
        while found := self._call(
            "GET", "/audit/checkpoints", Checkpoints, query={"after": after}
        ).checkpoints:
            yield from found
            after += len(found)

    def audit_keys(self) -> Fields:
        """Return the public keys of the services (JWKS)."""
        return self._call("GET", "/audit/keys", OperationArguments).root

    def approvals(self, wanted: ApprovalsWanted) -> ApprovalList:
        """Return approvals, the longest waiting first."""
        query = wanted.model_dump(mode="json", exclude_none=True)
        return self._call("GET", "/approvals", ApprovalList, query=query)

    def approval(self, approval: int) -> ApprovalView:
        """Return one approval."""
        return self._call("GET", f"/approvals/{approval}", ApprovalView)

    def assign(self, approval: int, group: str, why: str) -> ApprovalView:
        """Have another group asked."""
        sent: Fields = {"group": group, "why": why}
        return self._call("POST", f"/approvals/{approval}/assign", ApprovalView, sent=sent)

    def decide(self, approval: int, decision: DecisionKind, said: Said) -> ApprovalView:
        """Decide an approval as the person who is signed in."""
        return self._call("POST", f"/approvals/{approval}/{decision}", ApprovalView, sent=said)

    def events(self, after: int, wait_s: float) -> tuple[Fields, ...]:
        """Return the events after a number; wait so long for one."""
        query = {"after": after, "wait_s": wait_s}
        return self._call("GET", "/events", Heard, query=query).events

    def _call(
        self,
        method: str,
        path: str,
        returns: type[Got],
        *,
        sent: BaseModel | Fields | None = None,
        content: bytes | None = None,
        query: Query | None = None,
    ) -> Got:
        json = sent.model_dump(mode="json") if isinstance(sent, BaseModel) else sent
        params = {k: v for k, v in (query or {}).items() if v is not None}
        request = self.http.build_request(
            method, f"/api{path}", params=params, json=json, content=content
        )
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                return _parsed(self._sent(request), returns)
            except (Refused, Silent) as problem:
                passes = isinstance(problem, Silent) or problem.passes
                if not passes or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE_S)

    def _sent(self, request: httpx.Request) -> httpx.Response:
        try:
            return self.http.send(request)
        except httpx.TimeoutException as error:
            raise Silent(f"No answer from {request.url} in {CALL_S:g} s. Try again.") from error
        except httpx.TransportError as error:
            where = f"{request.url.host}:{request.url.port}"
            raise Silent(
                f"No console answers at {where}. Start the suite with `make run`."
            ) from error


def local_address() -> str:
    """Return where the console of this machine's suite is."""
    return f"http://{HOST}:{App('console', FIXED_APPS['console']).app_port}"


@contextmanager
def connect(
    data: DataFolder, patience_s: float = 0.0, address: str | None = None
) -> Iterator[Console]:
    """Give a client for the suite of a data folder, signed in as who speaks at the terminal.

    Its address is QUARTET_CONSOLE, else the pinned port. Raises Told when no suite was ever
    started on the folder.
    """
    if not data.people.exists() and "QUARTET_TOKEN" not in os.environ:
        raise Told(
            f"No suite was started on {data.root} ({data.people.name} is not there). "
            "Start one with `make run`, or name its folder with --data."
        )
    url, auth = address or os.environ.get("QUARTET_CONSOLE") or local_address(), credentials(data)
    with httpx.Client(base_url=url, auth=auth, timeout=CALL_S, trust_env=False) as client:
        yield Console(client, patience_s)


def _parsed(answer: httpx.Response, returns: type[Got]) -> Got:
    if not answer.is_success:
        raise Refused(_problem(answer))
    try:
        return returns.model_validate_json(answer.content)
    except ValidationError as error:
        says = f"{answer.url} did not answer as this version of quartet expects"
        raise Told(f"{says} ({error.error_count()} faults). Do both have one version?") from error


def _problem(answer: httpx.Response) -> Problem:
    """Return the problem that was answered; made up from the status where it is none."""
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        passing = answer.status_code in _PASSING
        return Problem(
            title=HTTPStatus(answer.status_code).phrase,
            status=answer.status_code,
            detail=f"{answer.url} said: {answer.text[:200] or 'nothing'}",
            cause="network" if passing else "data",
            advice="retry-later" if passing else "abandon",
        )
