"""Chat completions in the OpenAI shape, as agents send them to models and get them back."""

from typing import Annotated, Literal

from pydantic import Field

from quartet.contracts.base import Contract, Fields, Name, TaskId
from quartet.contracts.effect import Spend

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool_calls", "content_filter"]


class Called(Contract):
    """The function of a tool call; ``arguments`` is a JSON string, as OpenAI has it."""

    name: str
    arguments: str


class ToolUse(Contract):
    """One tool call that a model asks for."""

    id: str
    type: Literal["function"] = "function"
    function: Called


class Message(Contract):
    """One message of a conversation."""

    role: Role
    content: str | None = None
    tool_calls: tuple[ToolUse, ...] | None = None
    tool_call_id: str | None = None


class FunctionSpec(Contract):
    """A tool as offered to a model; ``parameters`` is a JSON Schema 2020-12 object."""

    name: str
    description: str
    parameters: Fields
    strict: bool = True


class ToolSpec(Contract):
    """A function tool."""

    type: Literal["function"] = "function"
    function: FunctionSpec


class Purpose(Contract):
    """On whose behalf a completion is asked: recorded with its cost, never shown to a model."""

    task: TaskId
    subtask: Name
    attempt: int = Field(ge=0)
    turn: int = Field(ge=0)
    skill: str
    """Role and skill, such as ``planner.draft_plan`` or ``specialist.read-invoice``."""


class ChatRequest(Contract):
    """A completion asked of ``models``; which provider and model answer is its business."""

    purpose: Purpose
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    tools: tuple[ToolSpec, ...] = ()
    response_schema: Fields | None = None
    """JSON Schema of the final answer; sent as ``response_format``."""
    max_completion_tokens: int = Field(default=4000, ge=1)


class ChatAnswer(Contract):
    """The model's answer: either ``content`` (JSON text of the schema) or tool calls."""

    message: Message
    finish_reason: Finish
    spend: Spend
