"""Builders of completion requests as agents send them; the agents themselves are not here."""

import json

from quartet.contracts.base import Fields, Json
from quartet.contracts.chat import (
    Called,
    ChatRequest,
    FunctionSpec,
    Message,
    Purpose,
    ToolSpec,
    ToolUse,
)

TASK = "t-" + "0" * 24


def asked(
    skill: str, material: Fields, *said: Message, schema: Fields | None = None, **tools: Fields
) -> ChatRequest:
    """Return a request with a prompt, the material, what was said since, and tools by schema."""
    return ChatRequest(
        purpose=Purpose(task=TASK, subtask="read", attempt=1, turn=0, skill=skill),
        messages=(
            Message(role="system", content="You are asked."),
            Message(role="user", content=json.dumps(material)),
            *said,
        ),
        tools=tuple(
            ToolSpec(function=FunctionSpec(name=n, description=f"Does {n}.", parameters=p))
            for n, p in tools.items()
        ),
        response_schema=schema,
    )


def used(tool: str, arguments: Fields, answer: Json, call: str = "call-1") -> tuple[Message, ...]:
    """Return the two messages of one tool call: that it was asked for, and what came back."""
    use = ToolUse(id=call, function=Called(name=tool, arguments=json.dumps(arguments)))
    return (
        Message(role="assistant", tool_calls=(use,)),
        Message(role="tool", tool_call_id=call, content=json.dumps(answer)),
    )
