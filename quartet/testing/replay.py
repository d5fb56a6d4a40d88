"""Workflows run by hand: Dapr's context over a history that the test writes; nothing is durable.

Every event replays the workflow from its start, as the engine does. A workflow that asks for
other things than the last time is not deterministic: NotDeterministic is raised.
"""

from collections import defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from dapr.ext.workflow import DaprWorkflowContext
from dapr.ext.workflow._durabletask.internal import protos
from dapr.ext.workflow._durabletask.task import CompletableTask

from quartet.contracts.base import Contract, Json
from quartet.resilience.failures import Failing

Run = Callable[[DaprWorkflowContext], Generator[Any, Any, Contract]]
What = Literal["step", "child", "timer", "event"]


class NotDeterministic(AssertionError):
    """The workflow asked for something else when it was replayed."""


@dataclass(frozen=True)
class Asked:
    """What a workflow asked the engine for; ``number`` counts from 0."""

    number: int
    what: What
    name: str
    sent: Json = None
    app_id: str = ""
    instance: str = ""


@dataclass(frozen=True)
class Happened:
    """One entry of the history: an ask that ended, or (number None) an event that was raised."""

    number: int | None
    event: str = ""
    result: Json = None
    failure: Failing | None = None


class Context:
    """The engine's side of DaprWorkflowContext for one replay."""

    def __init__(self, instance: str) -> None:
        """Start with nothing asked."""
        self.instance_id = instance
        self.asked: list[Asked] = []
        self.tasks: list[Any] = []
        self._waiting: dict[str, list[Any]] = defaultdict(list)
        self._raised: dict[str, int] = defaultdict(int)

    def call_activity(self, activity: str, *, input: Json, app_id: str | None, **_: object) -> Any:  # noqa: ANN401
        """Note a step."""
        return self._ask("step", activity, input, app_id or "")

    def call_sub_orchestrator(
        self,
        workflow: str,
        *,
        input: Json,
        instance_id: str | None,
        app_id: str | None,
        **_: object,
    ) -> Any:  # noqa: ANN401
        """Note a child workflow."""
        return self._ask("child", workflow, input, app_id or "", instance_id or "")

    def create_timer(self, fire_at: timedelta) -> Any:  # noqa: ANN401
        """Note a timer; its name is the wait in seconds."""
        return self._ask("timer", f"{fire_at.total_seconds():g}")

    def wait_for_external_event(self, name: str, *, timeout: object = None) -> Any:  # noqa: ANN401
        """Note a wait; an event that was raised before it is taken at once."""
        del timeout
        task = self._ask("event", name)
        if self._raised[name]:
            self._raised[name] -= 1
            task.complete(None)
        else:
            self._waiting[name].append(task)
        return task

    def random_int(self, least: int, most: int) -> int:
        """Return the middle, every time."""
        return (least + most) // 2

    @property
    def current_utc_datetime(self) -> datetime:
        """Return one moment, every time."""
        return datetime(2026, 1, 1, tzinfo=UTC)

    def apply(self, happened: Happened) -> None:
        """Let something happen that the history holds."""
        if happened.number is None:
            self._raise(happened.event)
        elif happened.failure is not None:
            text = happened.failure.failure.model_dump_json()
            details = protos.TaskFailureDetails(errorType="FailureTold", errorMessage=text)
            self.tasks[happened.number].fail(text, details)
        else:
            self.tasks[happened.number].complete(happened.result)

    def _raise(self, event: str) -> None:
        if waiting := self._waiting[event]:
            waiting.pop(0).complete(None)
        else:
            self._raised[event] += 1

    def _ask(
        self, what: What, name: str, sent: Json = None, app_id: str = "", instance: str = ""
    ) -> Any:  # noqa: ANN401
        task: Any = CompletableTask()
        self.asked.append(Asked(len(self.asked), what, name, sent, app_id, instance))
        self.tasks.append(task)
        return task


@dataclass
class Replay:
    """One workflow instance and its history; ``result`` or ``failure`` when it has ended."""

    run: Run
    instance: str = "instance"
    history: list[Happened] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    result: Contract | None = None
    failure: Failing | None = None

    def __post_init__(self) -> None:
        """Run up to the first wait."""
        self._replay()

    @property
    def open(self) -> tuple[Asked, ...]:
        """What the workflow asked for that has not ended."""
        return tuple(a for a, t in zip(self.asked, self._tasks, strict=True) if not t.is_complete)

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The names of what is open."""
        return tuple(a.name for a in self.open)

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of all steps and children so far, in their order."""
        return tuple(a.name for a in self.asked if a.what in ("step", "child"))

    def sent(self, name: str) -> Json:
        """Return what the newest ask of this name carries."""
        return next(a.sent for a in reversed(self.asked) if a.name == name)

    def end(self, name: str, got: Contract | Failing) -> None:
        """End the oldest open step or child of this name, or the child with this instance id."""
        ask = next((a for a in self.open if name in (a.name, a.instance)), None)
        if ask is None:
            raise AssertionError(f"nothing open is named {name!r}; there is {self.waits_for}")
        failed = got if isinstance(got, Failing) else None
        result = None if isinstance(got, Failing) else got.model_dump(mode="json")
        self._happen(Happened(ask.number, result=result, failure=failed))

    def fire(self) -> None:
        """Let the open timer fire."""
        timer = next(a for a in self.open if a.what == "timer")
        self._happen(Happened(timer.number))

    def wake(self, event: str) -> None:
        """Raise an external event; it is kept when nobody waits for it yet."""
        self._happen(Happened(None, event))

    def _happen(self, happened: Happened) -> None:
        self.history.append(happened)
        self._replay()

    def _replay(self) -> None:
        before, context = self.asked, Context(self.instance)
        engine: Any = context
        steps = self.run(DaprWorkflowContext(engine))
        self.result = self.failure = None
        waits = self._step(steps, None)
        for happened in self.history:
            context.apply(happened)
            waits = self._on(steps, waits)
        self.asked, self._tasks = context.asked, context.tasks
        if self.asked[: len(before)] != before:
            raise NotDeterministic(f"first {before}, then {self.asked}")

    def _on(self, steps: Generator[Any, Any, Contract], waits: Any) -> Any:  # noqa: ANN401
        return self._step(steps, waits) if waits is not None and waits.is_complete else waits

    def _step(self, steps: Generator[Any, Any, Contract], waits: Any) -> Any:  # noqa: ANN401
        """Go on until the workflow waits for what has not happened, or ends."""
        try:
            waits = next(steps) if waits is None else _resume(steps, waits)
            while waits.is_complete:
                waits = _resume(steps, waits)
        except StopIteration as end:
            self.result = end.value
            return None
        except Failing as error:
            self.failure = error
            return None
        return waits


def _resume(steps: Generator[Any, Any, Contract], waits: Any) -> Any:  # noqa: ANN401
    if waits.is_failed:
        return steps.throw(waits.get_exception())
    return steps.send(waits.get_result())
