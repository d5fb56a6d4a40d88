import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from quartet.contracts.base import Fields, Json
from quartet.contracts.chat import ChatRequest
from quartet.packs.load import load
from quartet.resilience.failures import Abandon, Failing, RetryChanged, RetryLater, RetryNow
from quartet.testing.asking import asked, used
from quartet.testing.endpoint import Endpoint, Exchange, Script, answering, raw
from quartet.testing.settling import SettlingToolbox
from services.models.config import ModelsFile, OpenAI
from services.models.door import Door
from services.models.provider import Completion, Route
from services.models.providers import openai

KEY = "sk-never-shown-anywhere"
SCHEMA: Fields = {
    "type": "object",
    "properties": {"summary": {"type": "string", "maxLength": 20, "default": ""}},
    "additionalProperties": False,
}
TOOL: Fields = {
    "type": "object",
    "properties": {"document": {"type": "string"}, "page": {"type": "integer", "default": 1}},
    "required": ["document"],
    "additionalProperties": False,
}
REQUEST = asked("planner.synthesize", {"task": {}}, schema=SCHEMA, read_page=TOOL)
ANSWER = answering({"role": "assistant", "content": '{"summary": "done"}'})


class Vault:
    """A secret store with one key; ``asked_for`` counts."""

    def __init__(self, failure: Failing | None = None) -> None:
        self.asked_for: list[tuple[str, str]] = []
        self.failure = failure

    def secret(self, store: str, name: str) -> str:
        self.asked_for.append((store, name))
        if self.failure:
            raise self.failure
        return KEY


def config(endpoint: Endpoint, **more: object) -> OpenAI:
    return OpenAI.model_validate(
        {"kind": "openai", "base_url": endpoint.base_url, "secret": "model-api-key", **more}
    )


def complete(
    *scripts: Script,
    request: ChatRequest = REQUEST,
    timeout_s: float = 5.0,
    times: int = 1,
    vault: Vault | None = None,
    **more: object,
) -> tuple[Completion, Endpoint]:
    with Endpoint(list(scripts)) as endpoint:
        provider = openai.Endpoint("main", config(endpoint, **more), vault or Vault())
        try:
            for _ in range(times - 1):
                with pytest.raises(Failing):
                    provider.complete(request, Route("main", "m-1"))
            route = Route("main", "m-1", timeout_s=timeout_s, seed=7)
            return provider.complete(request, route), endpoint
        finally:
            provider.close()


def refusal(*scripts: Script, timeout_s: float = 5.0, read_timeout_s: float = 30.0) -> Failing:
    with pytest.raises(Failing) as refused:
        complete(*scripts, timeout_s=timeout_s, read_timeout_s=read_timeout_s)
    assert KEY not in str(refused.value) + repr(refused.value)
    return refused.value


def checked(*scripts: Script) -> Failing:
    """Return how the door refuses what the endpoint answers, its cost already settled."""
    toolbox = SettlingToolbox()
    routes = ModelsFile.model_validate(
        {
            "providers": {"main": {"kind": "playbook"}},
            "routes": [{"skills": "*", "provider": "main", "model": "m-1"}],
        }
    )
    with Endpoint(list(scripts)) as endpoint:
        provider = openai.Endpoint("main", config(endpoint), Vault())
        door = Door(routes, {"main": provider}, toolbox, load("payables").manifest)
        with pytest.raises(Failing) as refused:
            door.complete("planner", REQUEST)
        provider.close()
    assert [s.spend.input_tokens for s in toolbox.settled] == [120]
    return refused.value


def test_a_request_goes_out_in_the_openai_shape_and_its_purpose_stays_here() -> None:
    conversation = used("read_page", {"document": "d"}, {"value": "v"})
    request = asked("planner.synthesize", {}, *conversation, schema=SCHEMA, read_page=TOOL)

    _, endpoint = complete(ANSWER, request=request)

    (received,) = endpoint.received
    body: dict[str, Any] = dict(received.body)
    assert received.path == "/v1/chat/completions"
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["seed"], body["max_completion_tokens"]) == ("m-1", 7, 4000)
    assert set(body) <= {
        *("model", "messages", "tools", "response_format", "max_completion_tokens", "seed")
    }
    assert body["messages"][2:] == [
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": "call-1",
                    "type": "function",
                    "function": {"name": "read_page", "arguments": '{"document": "d"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call-1", "content": '{"value": "v"}'},
    ]


def test_schemas_go_out_strict_every_property_required_and_no_keyword_it_does_not_know() -> None:
    _, endpoint = complete(ANSWER)

    body: dict[str, Any] = dict(endpoint.received[0].body)
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"summary": {"type": "string"}},
                "required": ["summary"],
                "additionalProperties": False,
            },
        },
    }
    function = body["tools"][0]["function"]
    assert function["strict"] is True
    assert function["parameters"]["required"] == ["document", "page"]


def test_a_schema_with_a_free_object_goes_out_whole_and_not_strict() -> None:
    free: Fields = {"type": "object", "properties": {"arguments": {"type": "object"}}}

    _, endpoint = complete(ANSWER, request=asked("planner.synthesize", {}, schema=free))

    form = endpoint.received[0].body["response_format"]
    assert form == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": False, "schema": free},
    }


def test_content_usage_and_the_model_that_answered_come_back() -> None:
    done, _ = complete(ANSWER)

    assert done.message.content == '{"summary": "done"}'
    assert (done.usage.input_tokens, done.usage.output_tokens) == (120, 30)
    assert (done.usage.model, done.id, done.finish_reason) == ("scripted-1", "chatcmpl-1", "stop")


def test_tool_calls_come_back_with_their_arguments_as_text() -> None:
    call: Json = {
        "id": "c-9",
        "type": "function",
        "function": {"name": "read_page", "arguments": '{"document":"d","page":2}'},
    }
    message: Fields = {"role": "assistant", "content": None, "tool_calls": [call]}

    done, _ = complete(answering(message, "tool_calls"))

    assert done.message.tool_calls is not None
    use = done.message.tool_calls[0]
    assert (use.id, use.function.name) == ("c-9", "read_page")
    assert json.loads(use.function.arguments) == {"document": "d", "page": 2}


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        (90, 60, 91),
        (-90, 0, 0),
        ("soon", 10, 10),
    ],
)
def test_a_rate_limit_is_waited_out_as_long_as_it_says(
    header: str | int, least: float, most: float
) -> None:
    if isinstance(header, int):
        header = format_datetime(datetime.now(UTC) + timedelta(seconds=header), usegmt=True)

    refused = refusal(raw(429, b"{}", retry_after=header))

    assert isinstance(refused, RetryLater)
    assert refused.failure.title == "ModelRateLimited"
    assert refused.failure.after_s is not None
    assert least <= refused.failure.after_s <= most


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_a_server_error_is_tried_again_later(status: int) -> None:
    refused = refusal(raw(status, b"<html>"))

    assert isinstance(refused, RetryLater)
    assert (refused.failure.cause, refused.failure.title) == ("model", "ModelFailed")


def test_one_that_never_answers_is_left_after_the_read_time_out() -> None:
    def script(exchange: Exchange) -> None:
        exchange.over.wait(30)

    refused = refusal(script, read_timeout_s=0.2)

    assert isinstance(refused, RetryLater)
    assert refused.failure.title == "ModelTimedOut"


def test_one_that_stalls_in_mid_answer_is_left_after_the_read_time_out() -> None:
    def script(exchange: Exchange) -> None:
        exchange.stall(b'{"choices": [')

    refused = refusal(script, read_timeout_s=0.2)

    assert isinstance(refused, RetryLater)
    assert refused.failure.title == "ModelTimedOut"


def test_one_that_trickles_for_ever_is_left_after_the_time_out_of_the_route() -> None:
    refused = refusal(lambda exchange: exchange.trickle(0.02), timeout_s=0.4)

    assert isinstance(refused, RetryLater)
    assert "0.4 s" in refused.failure.detail


def test_an_endpoint_that_is_not_there_is_a_failure_of_the_network() -> None:
    with Endpoint([ANSWER]) as endpoint:
        gone = config(endpoint)
    provider = openai.Endpoint("main", gone, Vault())

    with pytest.raises(RetryLater) as refused:
        provider.complete(REQUEST, Route("main", "m-1"))
    provider.close()

    assert refused.value.failure.cause == "network"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_the_secret_and_is_read_again(status: int) -> None:
    vault = Vault()

    done, _ = complete(raw(status, b"{}"), ANSWER, times=2, vault=vault)
    refused = refusal(raw(status, b"{}"))

    assert done.message.content
    assert vault.asked_for == [("secretstore", "model-api-key")] * 2
    assert isinstance(refused, Abandon)
    assert "'model-api-key'" in refused.failure.detail
    assert "secretstore" in refused.failure.detail


def test_a_key_is_read_once_for_many_calls() -> None:
    vault = Vault()
    with Endpoint([ANSWER]) as endpoint:
        provider = openai.Endpoint("main", config(endpoint), vault)
        for _ in range(3):
            provider.complete(REQUEST, Route("main", "m-1"))
        provider.close()

    assert len(vault.asked_for) == 1
    assert KEY not in repr(provider)


def test_a_key_that_is_not_in_the_store_is_named() -> None:
    vault = Vault(RetryLater("500 secret not found", cause="network", title="Unavailable"))

    with pytest.raises(Abandon, match="'model-api-key'") as refused:
        complete(ANSWER, vault=vault)

    assert refused.value.failure.title == "ModelKeyMissing"


def test_a_store_that_is_away_is_asked_again_later() -> None:
    vault = Vault(RetryLater("no answer", cause="network", title="SidecarAway"))

    with pytest.raises(RetryLater):
        complete(ANSWER, vault=vault)


def test_an_endpoint_without_a_secret_is_asked_without_a_key() -> None:
    _, endpoint = complete(ANSWER, secret=None)

    assert "authorization" not in endpoint.received[0].headers


def test_a_refused_request_says_why_and_never_repeats_the_key() -> None:
    refused = refusal(raw(400, f"no such model; you sent {KEY}".encode()))

    assert isinstance(refused, Abandon)
    assert "no such model; you sent [key]" in refused.failure.detail


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"I am not JSON",
        b"\xff\xfe\x00",
        b"[]",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": 7}, "finish_reason": "stop"}], "usage": {}}',
        b'{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage":'
        b' {"prompt_tokens": NaN, "completion_tokens": 1}}',
        b'{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage":'
        b' {"prompt_tokens": -5, "completion_tokens": 1}}',
        b'{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage":'
        b' {"prompt_tokens": 1e309, "completion_tokens": 1}}',
        b"[" * 100_000,
    ],
)
def test_garbage_is_told_as_garbage_of_the_model(body: bytes) -> None:
    refused = refusal(raw(200, body))

    assert isinstance(refused, RetryNow)
    assert (refused.failure.cause, refused.failure.title) == ("model", "BadModelAnswer")


def test_an_answer_over_the_limit_is_not_read_to_its_end() -> None:
    refused = refusal(raw(200, b"x" * 1_100_000))

    assert isinstance(refused, RetryChanged)
    assert refused.failure.title == "AnswerTooLarge"


def saying(content: str | None, finish: str = "stop", **more: str) -> Script:
    return answering({"role": "assistant", "content": content, **more}, finish)


def calling(name: str, arguments: str) -> Script:
    function: Fields = {"name": name, "arguments": arguments}
    calls: Json = [{"id": "c", "type": "function", "function": function}]
    return answering({"role": "assistant", "tool_calls": calls}, "tool_calls")


@pytest.mark.parametrize(
    ("script", "kind", "title"),
    [
        (saying("Certainly! Here it is."), RetryNow, "NotJson"),
        (saying('{"summary": NaN}'), RetryNow, "NotJson"),
        (saying('{"summary": 1e309}'), RetryNow, "NotJson"),
        (saying('{"summary": -5}'), RetryNow, "NotInSchema"),
        (saying('{"summary": "a", "more": 1}'), RetryNow, "NotInSchema"),
        (saying('{"summary": "longer than twenty characters"}'), RetryNow, "NotInSchema"),
        (saying("[" * 50_000), RetryNow, "NotJson"),
        (saying(None), RetryNow, "EmptyAnswer"),
        (saying('{"summ', "length"), RetryChanged, "AnswerCutOff"),
        (saying(None, refusal="I would rather not."), Abandon, "ModelRefused"),
        (saying("", "content_filter"), Abandon, "ModelRefused"),
        (calling("wipe_disk", "{}"), RetryNow, "UnknownTool"),
        (calling("read_page", "{document: d}"), RetryNow, "BadToolArguments"),
        (calling("read_page", '{"page": NaN}'), RetryNow, "BadToolArguments"),
        (calling("read_page", "[]"), RetryNow, "BadToolArguments"),
    ],
)
def test_the_door_passes_no_answer_on_that_is_none_but_has_paid_for_it(
    script: Script, kind: type[Failing], title: str
) -> None:
    refused = checked(script)

    assert isinstance(refused, kind)
    assert (refused.failure.cause, refused.failure.title) == ("model", title)


def test_a_schema_never_makes_the_door_fetch_anything() -> None:
    with Endpoint([ANSWER]) as endpoint:
        remote: Fields = {"$ref": f"{endpoint.base_url}/schema.json"}
        provider = openai.Endpoint("main", config(endpoint), Vault())
        toolbox = SettlingToolbox()
        routes = ModelsFile.model_validate(
            {
                "providers": {"main": {"kind": "playbook"}},
                "routes": [{"skills": "*", "provider": "main", "model": "m"}],
            }
        )
        door = Door(routes, {"main": provider}, toolbox, load("payables").manifest)

        with pytest.raises(Abandon) as refused:
            door.complete("planner", asked("planner.synthesize", {}, schema=remote))
        provider.close()

    assert refused.value.failure.title == "BadSchema"
    assert len(endpoint.received) == 1
