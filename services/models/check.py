"""What a completion must be before an agent sees it: whole, in shape, in schema; not whether true.

A wrong one is RetryNow (the same again may come out right; the caller bounds how often), a cut-off
one RetryChanged, a refused one Abandon; the cause is always the model.
"""

import json
import math
from functools import lru_cache
from typing import NoReturn

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from quartet.contracts.base import Fields, Json
from quartet.contracts.chat import ChatRequest, ToolUse
from quartet.resilience.failures import Abandon, RetryChanged, RetryNow
from services.models.provider import Completion

_MOST_FAULTS = 5


def check(request: ChatRequest, completion: Completion) -> None:
    """Raise Failing (cause model) unless this is an answer to the request."""
    if completion.refusal or completion.finish_reason == "content_filter":
        why = completion.refusal[:500] or "its content filter stopped the answer"
        raise Abandon(
            f"The model refused to answer: {why}. Change the prompt or the model.",
            cause="model",
            title="ModelRefused",
        )
    if completion.finish_reason == "length":
        raise RetryChanged(
            f"The model's answer was cut off at {request.max_completion_tokens} tokens. Raise "
            "max_completion_tokens or ask for less.",
            cause="model",
            title="AnswerCutOff",
        )
    if completion.message.tool_calls:
        offered = {tool.function.name for tool in request.tools}
        for use in completion.message.tool_calls:
            _check_use(use, offered)
    else:
        _check_content(completion.message.content, request.response_schema)


def exact_json(text: str) -> Json:
    """Return parsed JSON; raises ValueError for NaN, infinities and what is too deep."""
    try:
        found: Json = json.loads(text, parse_constant=_not_a_number, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return found


def _check_use(use: ToolUse, offered: set[str]) -> None:
    name = use.function.name
    if name not in offered:
        have = ", ".join(sorted(offered)) or "none"
        raise _wrong("UnknownTool", f"asked for tool {name[:64]!r}; on offer: {have}")
    try:
        arguments = exact_json(use.function.arguments)
    except ValueError as error:
        raise _wrong("BadToolArguments", f"gave {name} arguments that are no JSON: {error}") from (
            error
        )
    if not isinstance(arguments, dict):
        raise _wrong("BadToolArguments", f"gave {name} arguments that are no JSON object")


def _check_content(content: str | None, schema: Fields | None) -> None:
    if not content:
        raise _wrong("EmptyAnswer", "gave neither content nor tool calls")
    if schema is None:
        return
    try:
        answer = exact_json(content)
    except ValueError as error:
        raise _wrong("NotJson", f"gave no JSON: {error}") from error
    if faults := schema_faults(answer, schema):
        raise _wrong("NotInSchema", f"is not in its schema: {'; '.join(faults)}")


def schema_faults(answer: Json, schema: Fields) -> list[str]:
    """Return what breaks a JSON Schema 2020-12, never fetching a reference.

    Raises Abandon (cause data) for a schema that is none.
    """
    try:
        validator = _validator(json.dumps(schema))
        return [
            f"{'/'.join(map(str, e.absolute_path)) or 'answer'}: {e.message[:200]}"
            for e, _ in zip(validator.iter_errors(answer), range(_MOST_FAULTS), strict=False)
        ]
    except (SchemaError, Unresolvable) as error:
        raise Abandon(
            f"response_schema is no usable JSON Schema 2020-12: {str(error)[:300]}. Correct it.",
            cause="data",
            title="BadSchema",
        ) from error


@lru_cache(maxsize=64)
def _validator(schema: str) -> Draft202012Validator:
    """Return the validator of a schema; to check the schema costs far more than to check an answer.

    Raises SchemaError, each time, for one that is none.
    """
    loaded: Fields = json.loads(schema)
    Draft202012Validator.check_schema(loaded)
    return Draft202012Validator(loaded, registry=Registry())


def _wrong(title: str, says: str) -> RetryNow:
    return RetryNow(
        f"The model's answer {says}. Ask again, or route this skill to another model.",
        cause="model",
        title=title,
    )


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(f"{text[:40]} is too large for a number")
    return number
