"""One turn of an agent: a completion, then the read tools it asks for; no state is kept here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import ValidationError

from quartet.contracts.base import Contract, Fields, Json
from quartet.contracts.budget import EXCEEDED
from quartet.contracts.chat import (
    ChatAnswer,
    ChatRequest,
    FunctionSpec,
    Message,
    Purpose,
    ToolSpec,
    ToolUse,
)
from quartet.packs.tool import Tool
from quartet.resilience.failures import Abandon, Failing, RetryNow

Answer = TypeVar("Answer", bound=Contract)
MAX_CALLS = 16
"""Tool calls that one answer may ask for."""


class Model(Protocol):
    """The door to models."""

    def complete(self, request: ChatRequest) -> ChatAnswer:
        """Return the answer; raises Failing with cause model."""


class Reading(Protocol):
    """The door to read tools."""

    def read(self, tool: Tool, arguments: Fields) -> Json:
        """Return ``{"value": id, "result": ...}`` of one call; raises Failing."""


@dataclass(frozen=True)
class Brief(Generic[Answer]):
    """What an agent is told once: prompt, its material, its tools, the form of its answer."""

    prompt: str
    material: Fields
    tools: Mapping[str, Tool]
    answer: type[Answer]
    schema: Fields | None = None

    def opening(self) -> tuple[Message, ...]:
        """Return the two messages that every conversation starts with."""
        return (
            Message(role="system", content=self.prompt),
            Message(role="user", content=json.dumps(self.material, ensure_ascii=False)),
        )

    def request(self, purpose: Purpose, said: tuple[Message, ...]) -> ChatRequest:
        """Return the completion to ask for after what has been said."""
        return ChatRequest(
            purpose=purpose,
            messages=said,
            tools=tuple(_spec(t) for t in self.tools.values()),
            response_schema=self.schema or self.answer.model_json_schema(),
        )


@dataclass(frozen=True)
class TurnTaken(Generic[Answer]):
    """What one turn came to: the answer, or the conversation to go on with."""

    said: tuple[Message, ...]
    answer: Answer | None


def take_turn(
    brief: Brief[Answer], purpose: Purpose, said: tuple[Message, ...], model: Model, tools: Reading
) -> TurnTaken[Answer]:
    """Ask for one completion and run the read tools it asks for.

    A tool's own failure goes back to the model as ``{"error": ...}``; one that a repeat of the
    turn may mend, or that ends the task, is raised. Garbage is RetryNow, cause model.
    """
    got = model.complete(brief.request(purpose, said)).message
    if got.tool_calls:
        if len(got.tool_calls) > MAX_CALLS:
            raise Abandon(
                f"The model asked for {len(got.tool_calls)} tool calls; at most {MAX_CALLS}.",
                cause="model",
                title="TooManyToolCalls",
            )
        results = tuple(_tool_message(use, brief.tools, tools) for use in got.tool_calls)
        return TurnTaken((*said, got, *results), None)
    return TurnTaken((*said, got), parse(got.content, brief.answer))


def parse(content: str | None, answer: type[Answer]) -> Answer:
    """Return the typed answer; raises RetryNow (cause model) when it is not one."""
    try:
        return answer.model_validate_json(content or "")
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise RetryNow(
            f"The model's answer is no {answer.__name__}: {faults[:600]}. Ask again or choose "
            "another model for this role.",
            cause="model",
            title="ModelAnswerRefused",
        ) from error


def _tool_message(use: ToolUse, offered: Mapping[str, Tool], tools: Reading) -> Message:
    try:
        content = tools.read(_offered(use, offered), _arguments(use))
    except Failing as error:
        f = error.failure
        again = f.advice in ("retry-now", "retry-later")
        if again or f.cause == "network" or f.title == EXCEEDED:
            raise
        content = {"error": {"title": f.title, "detail": f.detail}}
    return Message(
        role="tool", tool_call_id=use.id, content=json.dumps(content, ensure_ascii=False)
    )


def _offered(use: ToolUse, offered: Mapping[str, Tool]) -> Tool:
    found = offered.get(use.function.name)
    if found is None:
        raise Abandon(
            f"There is no tool {use.function.name!r} here; there is {', '.join(offered)}.",
            cause="model",
            title="UnknownTool",
        )
    return found


def _arguments(use: ToolUse) -> Fields:
    try:
        arguments = json.loads(use.function.arguments)
    except json.JSONDecodeError as error:
        raise Abandon(f"Tool arguments are no JSON: {error}", cause="model") from error
    if not isinstance(arguments, dict):
        raise Abandon("Tool arguments are no JSON object.", cause="model")
    return arguments


def _spec(tool: Tool) -> ToolSpec:
    return ToolSpec(
        function=FunctionSpec(name=tool.name, description=tool.description, parameters=tool.schema)
    )
