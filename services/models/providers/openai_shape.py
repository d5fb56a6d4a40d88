"""Our completion request and answer in the wire form of OpenAI's chat completions, and back."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from quartet.contracts.base import Fields, Json
from quartet.contracts.chat import ChatRequest, Finish, Message, ToolUse
from quartet.resilience.failures import RetryNow
from services.models.check import exact_json
from services.models.provider import Completion, Route, Usage
from services.models.providers.strict import strict_form


class _Answered(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolUse] | None = None


class _Choice(BaseModel):
    message: _Answered
    finish_reason: Finish


class _Used(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class _Answer(BaseModel):
    """What is read of an answer; further fields are a provider's own."""

    choices: Annotated[list[_Choice], Field(min_length=1)]
    id: str = ""
    model: str = ""
    usage: _Used


def body_of(request: ChatRequest, route: Route) -> Fields:
    """Return the JSON body of the request; the purpose stays here."""
    body: Fields = {
        "model": route.model,
        "messages": [m.model_dump(mode="json", exclude_none=True) for m in request.messages],
        "max_completion_tokens": request.max_completion_tokens,
    }
    if route.seed is not None:
        body["seed"] = route.seed
    if request.tools:
        body["tools"] = [
            _tool(t.function.name, t.function.description, t.function.parameters, t.function.strict)
            for t in request.tools
        ]
    if request.response_schema is not None:
        schema, strict = strict_form(request.response_schema)
        form: Json = {"name": "answer", "strict": strict, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body


def completion_of(body: bytes) -> Completion:
    """Return the completion of an answer's body; raises RetryNow (cause model) for garbage."""
    try:
        raw = exact_json(body.decode("utf-8"))
        answer = _Answer.model_validate(_without_nulls(raw))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise _garbage(f"is no chat completion: {faults[:500]}") from error
    except ValueError as error:
        raise _garbage(f"is no JSON: {str(error)[:200]}") from error
    choice = answer.choices[0]
    uses = tuple(choice.message.tool_calls or ()) or None
    return Completion(
        message=Message(role="assistant", content=choice.message.content, tool_calls=uses),
        finish_reason=choice.finish_reason,
        usage=Usage(answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.model[:200]),
        refusal=choice.message.refusal or "",
        id=answer.id[:200],
    )


def _tool(name: str, description: str, parameters: Fields, wanted: bool) -> Json:  # noqa: FBT001
    schema, possible = strict_form(parameters) if wanted else (parameters, False)
    function: Json = {
        "name": name,
        "description": description,
        "parameters": schema,
        "strict": possible,
    }
    return {"type": "function", "function": function}


def _without_nulls(value: Json) -> Json:
    """Drop null fields, which some providers write where others leave the field out."""
    if isinstance(value, Mapping):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _garbage(says: str) -> RetryNow:
    return RetryNow(
        f"The model provider's answer {says}. Ask again; if it stays, check base_url.",
        cause="model",
        title="BadModelAnswer",
    )
