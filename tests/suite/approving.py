"""People who decide in a running suite: what waits for them, and what they say to it; no test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from quartet.contracts.approval import ApprovalList, ApprovalView, DecisionKind
from quartet.contracts.task import TERMINAL
from quartet.contracts.view import TaskList, TaskView
from tests.suite.client import Client
from tests.suite.here import eventually
from tests.suite.invoices import clean_invoice

ENDS_WITHIN_S = 60.0


@dataclass(frozen=True)
class Decider:
    """A person of people.yaml with a client of the suite."""

    client: Client

    def waiting(self, task: str) -> ApprovalView:
        """Wait for the open approval of a task, and return it."""
        found: list[ApprovalView] = []

        def is_there() -> bool:
            found[:] = self.listed(task=task)
            return bool(found)

        eventually(is_there, ENDS_WITHIN_S)
        return found[0]

    def listed(self, **wanted: str) -> tuple[ApprovalView, ...]:
        """Return approvals."""
        answer = self.client.http.get("/approvals", params=wanted)
        assert answer.is_success, answer.text
        return ApprovalList.model_validate_json(answer.content).approvals

    def say(self, asked: ApprovalView, decision: DecisionKind, **said: str) -> httpx.Response:
        """Decide on what was shown; return the answer."""
        sent = {"call_digest": asked.call_digest, **said}
        return self.client.http.post(f"/approvals/{asked.id}/{decision}", json=sent)

    def decide(self, asked: ApprovalView, decision: DecisionKind, **said: str) -> ApprovalView:
        """Decide on what was shown; it has to succeed."""
        answer = self.say(asked, decision, **said)
        assert answer.is_success, answer.text
        return ApprovalView.model_validate_json(answer.content)

    def insist(self, asked: ApprovalView, decision: DecisionKind, **said: str) -> None:
        """Decide until it is answered well: the same decision again is the same one."""

        def answered() -> bool:
            try:
                return self.say(asked, decision, **said).is_success
            except httpx.HTTPError:
                return False

        eventually(answered, ENDS_WITHIN_S)


@contextmanager
def decider(client: Client, name: str) -> Iterator[Decider]:
    """Give a person who decides."""
    with client.as_person(name) as person:
        yield Decider(person)


def held(client: Client, batch: str | None = None) -> str:
    """Submit an invoice that nobody signed, so that a person is asked; return its task."""
    event = client.event(client.upload(clean_invoice()), batch=batch)
    task = client.submit(event, anonymous=True)
    assert client.settled(task).shown == "waiting"
    return task


def ended(client: Client, task: str, within_s: float = ENDS_WITHIN_S) -> TaskView:
    """Wait until a task has ended; return it with its history."""

    def has_ended() -> bool:
        try:
            return client.task(task).state in TERMINAL
        except (httpx.HTTPError, AssertionError):
            return False

    eventually(has_ended, within_s)
    return client.task(task)


def shown_waiting(client: Client) -> set[str]:
    """Return the tasks that are found by the state ``waiting``."""
    answer = client.http.get("/tasks", params={"state": "waiting", "most": "2000"})
    assert answer.is_success, answer.text
    return {view.id for view in TaskList.model_validate_json(answer.content).tasks}
