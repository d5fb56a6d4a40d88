"""Doubles of the ports to a sidecar and to the workflow engine, kept in memory; no rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel

from quartet.contracts.base import Contract, Fields, Json
from quartet.contracts.chat import Called, ChatAnswer, ChatRequest, Message, ToolUse
from quartet.contracts.effect import Spend
from quartet.durable.client import Seen, Status
from quartet.packs.tool import Tool
from quartet.resilience.failures import Abandon, Failing

Got = TypeVar("Got", bound=BaseModel)
Answer = Callable[[BaseModel | None], BaseModel]


@dataclass
class Peers:
    """Satisfies Invoker: answers by (app-id, path), notes every call, raises what is set."""

    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    calls: list[tuple[str, str, BaseModel | None]] = field(default_factory=list)
    failures: list[Failing] = field(default_factory=list)
    """Raised one after another, before anything is answered again."""

    def call(  # noqa: PLR0913 - the port's
        self,
        app_id: str,
        path: str,
        sent: BaseModel | None,
        returns: type[Got],
        timeout_s: float = 30.0,
        token: str = "",
    ) -> Got:
        """Answer a call."""
        del timeout_s, token
        self.calls.append((app_id, path, sent))
        if self.failures:
            raise self.failures.pop(0)
        if (app_id, path) not in self.answers:
            raise Abandon(f"{app_id} {path} is not served here.", cause="data", title="NotServed")
        return returns.model_validate(self.answers[app_id, path](sent).model_dump(mode="json"))

    def sent_to(self, app_id: str, path: str) -> list[BaseModel | None]:
        """Return what was sent on a path."""
        return [sent for to, at, sent in self.calls if (to, at) == (app_id, path)]


@dataclass
class Outbox:
    """Satisfies Publisher: keeps what is published; raises ``failure`` while it is set."""

    published: list[tuple[str, str, Contract]] = field(default_factory=list)
    failure: Failing | None = None

    def publish(self, topic: str, event_id: str, data: Contract) -> None:
        """Keep an event."""
        if self.failure is not None:
            raise self.failure
        self.published.append((topic, event_id, data))

    def on(self, topic: str) -> list[str]:
        """Return the ids of the events on a topic."""
        return [event_id for at, event_id, _ in self.published if at == topic]


@dataclass
class Shelf:
    """Satisfies StateStore."""

    values: dict[str, Json] = field(default_factory=dict)

    def get(self, key: str) -> Json:
        """Return the value, or None."""
        return self.values.get(key)

    def put(self, key: str, value: Json) -> None:
        """Write the value."""
        self.values[key] = value

    def put_first(self, key: str, value: Json) -> Json:
        """Write the value unless there is one; return the one that is there now."""
        return self.values.setdefault(key, value)


@dataclass
class ScriptedModel:
    """Satisfies Model: gives its answers in their order, and keeps what it was asked."""

    answers: list[Message]
    asked: list[ChatRequest] = field(default_factory=list)

    def complete(self, request: ChatRequest) -> ChatAnswer:
        """Return the next answer."""
        self.asked.append(request)
        message = self.answers.pop(0)
        finish = "tool_calls" if message.tool_calls else "stop"
        return ChatAnswer.model_validate(
            {"message": message, "finish_reason": finish, "spend": Spend()}
        )


def says(content: str) -> Message:
    """Return an answer of a model with text."""
    return Message(role="assistant", content=content)


def uses(tool: str, arguments: str, times: int = 1) -> Message:
    """Return an answer of a model that asks for a tool; ``arguments`` is JSON text."""
    called = Called(name=tool, arguments=arguments)
    calls = tuple(ToolUse(id=f"call-{n}", function=called) for n in range(times))
    return Message(role="assistant", tool_calls=calls)


@dataclass
class Readings:
    """Satisfies Reading: answers every call of a read tool, or raises ``failure``."""

    failure: Failing | None = None
    read_with: list[tuple[str, Fields]] = field(default_factory=list)

    def read(self, tool: Tool, arguments: Fields) -> Json:
        """Return a value id and what was asked."""
        self.read_with.append((tool.name, arguments))
        if self.failure is not None:
            raise self.failure
        return {"value": f"val-{len(self.read_with):016x}", "result": dict(arguments)}


@dataclass
class EngineDouble:
    """Satisfies Engine: instances live from their schedule on; the test ends or loses them."""

    statuses: dict[str, Status] = field(default_factory=dict)
    moved: dict[str, datetime] = field(default_factory=dict)
    scheduled: list[tuple[str, str, Contract]] = field(default_factory=list)
    woken: list[tuple[str, str]] = field(default_factory=list)
    terminated: list[str] = field(default_factory=list)
    broken: dict[str, Failing] = field(default_factory=dict)
    """Raised for an instance, whatever is asked of it."""

    def schedule(self, name: str, instance: str, sent: Contract) -> None:
        """Start an instance."""
        self._check(instance)
        self.scheduled.append((name, instance, sent))
        self.statuses[instance] = "live"

    def wake(self, instance: str, event: str, data: Json = None) -> bool:
        """Note an event."""
        del data
        self._check(instance)
        self.woken.append((instance, event))
        return self.status(instance) == "live"

    def terminate(self, instance: str) -> None:
        """End an instance."""
        self._check(instance)
        self.terminated.append(instance)
        self.statuses[instance] = "ended"

    def status(self, instance: str) -> Status:
        """Return what the test or a schedule has set."""
        self._check(instance)
        return self.statuses.get(instance, "absent")

    def seen(self, instance: str) -> Seen:
        """Return the same, and when the test says that it moved."""
        return Seen(self.status(instance), self.moved.get(instance))

    def _check(self, instance: str) -> None:
        if instance in self.broken:
            raise self.broken[instance]
