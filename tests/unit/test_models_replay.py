import json
from pathlib import Path

import pytest

from quartet.contracts.base import Fields
from quartet.contracts.chat import Called, ChatRequest, Message, ToolUse
from quartet.resilience.failures import Abandon, RetryLater
from quartet.testing.asking import asked, used
from quartet.testing.endpoint import Endpoint, answering
from services.models.config import OpenAI
from services.models.provider import Completion, Route, Usage
from services.models.providers import openai
from services.models.providers.replay import Recorder, Replayer

ROUTE = Route("recorded", "m-1")
KEY = "sk-secret-of-the-store"


class Scripted:
    """A provider that refers to the value it was given, and counts."""

    def __init__(self) -> None:
        self.times = 0

    def complete(self, request: ChatRequest, _: Route) -> Completion:
        self.times += 1
        value = json.loads(request.messages[-1].content or "")["value"]
        use = ToolUse(
            id="c", function=Called(name="match", arguments=json.dumps({"invoice": f"${value}"}))
        )
        return Completion(
            Message(role="assistant", tool_calls=(use,)), "tool_calls", Usage(10, 4, "m-1-2026")
        )


class Vault:
    def secret(self, store: str, name: str) -> str:
        del store, name
        return KEY


def case(mark: str, note: str = "a note") -> ChatRequest:
    """The same case in a run whose made ids all have this mark."""
    digest, value = "sha256:" + mark * 64, "val-" + mark * 16
    material: Fields = {"subtask": {"documents": [digest]}, "task": "t-" + mark * 24}
    answer: Fields = {"value": value, "result": {"note": f"{note}\nsee {value}"}}
    request = asked(
        "specialist.read-invoice", material, *used("read", {"document": digest}, answer)
    )
    purpose = request.purpose.model_copy(update={"task": "t-" + mark * 24, "attempt": int(mark)})
    return request.model_copy(update={"purpose": purpose})


def test_a_recording_answers_another_run_of_the_same_case_with_that_runs_ids(
    tmp_path: Path,
) -> None:
    path, inner = tmp_path / "recorded.jsonl", Scripted()
    recorded = Recorder(path, inner).complete(case("1"), ROUTE)

    same = Replayer(path).complete(case("1"), ROUTE)
    other = Replayer(path).complete(case("2"), ROUTE)

    assert same == recorded
    assert other.message.tool_calls is not None
    assert json.loads(other.message.tool_calls[0].function.arguments) == {
        "invoice": "$val-" + "2" * 16
    }
    assert (other.usage, other.finish_reason) == (Usage(10, 4, "m-1-2026"), "tool_calls")
    assert inner.times == 1


def test_a_miss_names_the_exchange_and_how_to_record_it(tmp_path: Path) -> None:
    path = tmp_path / "recorded.jsonl"
    Recorder(path, Scripted()).complete(case("1"), ROUTE)

    with pytest.raises(Abandon, match="mode: record") as refused:
        Replayer(path).complete(case("1", note="another note"), ROUTE)

    assert refused.value.failure.cause == "model"
    assert "sha256:" in refused.value.failure.detail


def test_of_two_equal_requests_the_later_counts(tmp_path: Path) -> None:
    path = tmp_path / "recorded.jsonl"
    for answer in ("first", "second"):
        with Endpoint([answering({"role": "assistant", "content": answer})]) as endpoint:
            provider = openai.Endpoint("main", settings(endpoint), Vault())
            Recorder(path, provider).complete(case("1"), ROUTE)
            provider.close()

    assert Replayer(path).complete(case("1"), ROUTE).message.content == "second"


def test_a_recording_holds_no_key_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "recorded.jsonl"
    with Endpoint([answering({"role": "assistant", "content": "fine"})]) as endpoint:
        provider = openai.Endpoint("main", settings(endpoint), Vault())
        Recorder(path, provider).complete(case("1"), ROUTE)
        provider.close()

    assert KEY in endpoint.received[0].headers["authorization"]
    assert KEY not in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_failed_exchange_is_not_recorded(tmp_path: Path) -> None:
    class Failing:
        def complete(self, *_: object) -> Completion:
            raise RetryLater("no", cause="model")

    path = tmp_path / "recorded.jsonl"
    with pytest.raises(RetryLater):
        Recorder(path, Failing()).complete(case("1"), ROUTE)

    assert not path.exists()


@pytest.mark.parametrize("line", ["{", "{}", '{"digest": "x"}'])
def test_a_broken_recording_names_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "recorded.jsonl"
    path.write_text(f"\n{line}\n", encoding="utf-8")

    with pytest.raises(Abandon, match=r"recorded\.jsonl:2"):
        Replayer(path)


def test_a_missing_recording_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Abandon, match="mode: record"):
        Replayer(tmp_path / "none.jsonl")


def settings(endpoint: Endpoint) -> OpenAI:
    return OpenAI.model_validate({"kind": "openai", "base_url": endpoint.base_url, "secret": "s"})
