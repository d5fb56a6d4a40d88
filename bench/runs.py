"""Submitting and awaiting: clean invoices through the broker, bare chains through a sidecar.

A run's times are the broker's (both entries of a task stand on a stream) or the engine's own.
"""

import json
import os
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC
from itertools import count
from typing import Protocol

import httpx
from dapr.ext.workflow import DaprWorkflowClient, WorkflowHistoryEventType
from joserfc.jwk import OKPKey

from bench.bare import CHAIN
from bench.starting import PACK, Started
from bench.streams import newest, news, seconds
from packs.payables.sampling import ample_receipts, shuffled
from quartet.contracts.base import Fields
from quartet.contracts.event import Topic, type_of
from quartet.contracts.task import Document
from quartet.runtime.errors import SetupError
from quartet.runtime.issuer import signed_in
from quartet.runtime.layout import HOST
from quartet.runtime.redis import CLIENT, OPERATOR, connect
from quartet.trust.digest import task_id
from quartet.trust.signing import sign

TOPIC: Topic = "task-submitted"
COMPLETED: Topic = "task-completed"
ENDS: tuple[Topic, ...] = (COMPLETED, "task-failed", "task-cancelled")
SOURCE = "/bench"
ENDED_WITHIN_S = 400.0


@dataclass(frozen=True)
class Run:
    """One task that ended: its id, when it began and ended, and whether it was completed."""

    id: str
    begun: float
    ended: float
    completed: bool = True

    @property
    def took(self) -> float:
        """Seconds from beginning to end."""
        return self.ended - self.begun


class Contender(Protocol):
    """Something that can be run so many times at once."""

    name: str

    def prepare(self, times: int) -> Callable[[], list[Run]]:
        """Return what runs so many at once and returns them when all have ended."""


class Invoices:
    """Clean invoices without end: one that is paid, each time under another number."""

    def __init__(self) -> None:
        """Take the clean sample; numbers are this run's own."""
        catalogue = shuffled(0)
        self._sample = next(s for s in catalogue.samples if s.case == "clean-ubl")
        self.books = ample_receipts(catalogue.books, self._sample.vendor or "")
        self._mark, self._numbers = secrets.token_hex(3).upper(), count(1)

    def next(self) -> bytes:
        """Return the next one."""
        number = f"BENCH-{self._mark}-{next(self._numbers):06d}"
        old = self._sample.number or ""
        return self._sample.content.replace(old.encode(), number.encode())


@dataclass
class Tasks:
    """Tasks of the suite, from `task-submitted` on the broker to the topic of their end."""

    started: Started
    name: str = "Quartet, clean invoice"
    goal: str = "Pay this invoice"
    invoices: Invoices = field(default_factory=Invoices)

    def __post_init__(self) -> None:
        """Open the doors that a client has: console, broker, key."""
        data = self.started.data
        self._key = OKPKey.import_key(json.loads(data.client_key.read_text()))
        self._client, self._reader = connect(data, CLIENT), connect(data, OPERATOR)
        self._http = httpx.Client(
            base_url=f"http://{HOST}:{self.started.app('console').app_port}/api",
            auth=signed_in(data),
            timeout=30,
            trust_env=False,
        )
        self._as_admin = httpx.Client(
            base_url=self._http.base_url, auth=signed_in(data, "admin"), timeout=30, trust_env=False
        )
        self._http.post("/operations/load_books", json=self.invoices.books).raise_for_status()

    def prepare(self, times: int) -> Callable[[], list[Run]]:
        """Upload so many new invoices; return what submits them at once and awaits the ends."""
        events = [self._event(self._upload()) for _ in range(times)]
        return lambda: self._run(events)

    def _run(self, events: list[Fields]) -> list[Run]:
        names = [task_id(SOURCE, str(event["id"])) for event in events]
        after: dict[str, str] = {topic: newest(self._reader, topic) for topic in ENDS}
        with self._client.pipeline(transaction=False) as pipeline:
            for event in events:
                pipeline.xadd(TOPIC, {"data": json.dumps(event)})
            entries = pipeline.execute()
        begun = {name: seconds(entry) for name, entry in zip(names, entries, strict=True)}
        return self._ended(begun, after)

    def _ended(self, begun: dict[str, float], after: dict[str, str]) -> list[Run]:
        waiting, runs = set(begun), list[Run]()
        deadline = time.monotonic() + ENDED_WITHIN_S
        while waiting and time.monotonic() < deadline:
            for topic, entries in news(self._reader, after, 1000):
                after[topic] = entries[-1][0]
                for entry, fields in entries:
                    task = json.loads(fields["data"])["data"]["task"]
                    if task in waiting:
                        waiting.discard(task)
                        runs.append(Run(task, begun[task], seconds(entry), topic == COMPLETED))
        if waiting:
            raise SetupError(
                f"{len(waiting)} of {len(begun)} tasks did not end within {ENDED_WITHIN_S:g} s, "
                f"{min(waiting)} among them."
            )
        return runs

    def hold(self, times: int) -> None:
        """Submit so many tasks that nobody has signed; return when all wait for a person."""
        batch = secrets.token_hex(6)
        for _ in range(times):
            event = self._event(self._upload(), batch)
            del event["signature"]
            self._client.xadd(TOPIC, {"data": json.dumps(event)})
        deadline = time.monotonic() + times + ENDED_WITHIN_S
        while (held := self._waiting(batch)) < times:
            if time.monotonic() > deadline:
                raise SetupError(f"Only {held} of {times} tasks wait for a person.")
            time.sleep(1)

    def _waiting(self, batch: str) -> int:
        params = {"batch": batch, "state": "waiting", "most": "5000"}
        answer = self._as_admin.get("/tasks", params=params).raise_for_status()
        return len(answer.json()["tasks"])

    def _upload(self) -> Document:
        content = self.invoices.next()
        answer = self._http.post("/documents", params={"name": "bench.xml"}, content=content)
        return Document.model_validate_json(answer.raise_for_status().content)

    def _event(self, document: Document, batch: str = "bench") -> Fields:
        return signed_event(document, batch, self.goal, self._key)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._as_admin.close()
        self._client.close()
        self._reader.close()


@dataclass
class Chains:
    """Bare chains, from the call that schedules one to the end in its history."""

    started: Started
    workflow: str
    name: str

    def __post_init__(self) -> None:
        """Connect to the sidecar of the bare app."""
        self._client = workflow_client(self.started, CHAIN)

    def prepare(self, times: int) -> Callable[[], list[Run]]:
        """Return what schedules so many at once, awaits each, and reads when it ended."""
        return lambda: self._run([f"bare-{secrets.token_hex(8)}" for _ in range(times)])

    def _run(self, names: list[str]) -> list[Run]:
        with ThreadPoolExecutor(min(len(names), 16)) as pool:
            begun = list(pool.map(self._schedule, names))
        return [self._ended(name, at) for name, at in zip(names, begun, strict=True)]

    def _schedule(self, name: str) -> float:
        begun = time.time()
        self._client.schedule_new_workflow(self.workflow, input="go", instance_id=name)
        return begun

    def _ended(self, name: str, begun: float) -> Run:
        state = self._client.wait_for_workflow_completion(
            name, fetch_payloads=False, timeout_in_seconds=int(ENDED_WITHIN_S)
        )
        last = self._client.get_workflow_history(name)[-1]
        if last.event_type is not WorkflowHistoryEventType.EXECUTION_COMPLETED:
            raise SetupError(f"The bare task {name} has no end in its history.")
        completed = state is not None and state.runtime_status.name == "COMPLETED"
        return Run(name, begun, last.timestamp.replace(tzinfo=UTC).timestamp(), completed)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def workflow_client(started: Started, app_id: str) -> DaprWorkflowClient:
    """Return a client of the sidecar of an app-id; the SDK takes its token from the environment."""
    os.environ["DAPR_API_TOKEN"] = started.data.api_token(app_id).read_text().strip()
    try:
        return DaprWorkflowClient(host=HOST, port=str(started.app(app_id).grpc_port))
    finally:
        del os.environ["DAPR_API_TOKEN"]


def run_one(contender: Contender) -> Run:
    """Run one and return it when it has ended."""
    return contender.prepare(1)()[0]


def took(runs: Sequence[Run]) -> list[float]:
    """Return how long each run took."""
    return [one.took for one in runs]


def signed_event(document: Document, batch: str, goal: str, key: OKPKey) -> Fields:
    """Return the signed event of a task on one document."""
    event: Fields = {
        "specversion": "1.0",
        "id": secrets.token_hex(16),
        "source": SOURCE,
        "type": type_of(TOPIC),
        "datacontenttype": "application/json",
        "data": {
            "pack": PACK,
            "goal": goal,
            "batch": batch,
            "documents": [document.model_dump(mode="json")],
        },
    }
    return event | {"signature": sign(event, key)}
