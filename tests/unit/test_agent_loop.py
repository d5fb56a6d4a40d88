"""One turn of an agent: answers, tool calls, garbage; which failures the model is told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from quartet.agents.loop import MAX_CALLS, Brief, TurnTaken, parse, take_turn
from quartet.contracts.base import Contract
from quartet.contracts.chat import Message, Purpose
from quartet.packs.load import load
from quartet.resilience.failures import (
    Abandon,
    Failing,
    RetryChanged,
    RetryLater,
    RetryNow,
)
from quartet.testing.ports import Readings, ScriptedModel, says, uses

PACK = load("payables")
TOOL = "check_invoice"
PURPOSE = Purpose(task="t-" + "1" * 24, subtask="s", attempt=1, turn=0, skill="specialist.x")


class Answer(Contract):
    decision: str


BRIEF = Brief("Decide.", {"n": 1}, {TOOL: PACK.tools[TOOL]}, Answer)


def turn(answer: Message, readings: Readings | None = None) -> TurnTaken[Answer]:
    model = ScriptedModel([answer])
    return take_turn(BRIEF, PURPOSE, BRIEF.opening(), model, readings or Readings())


def tool_said(taken: TurnTaken[Answer], index: int = -1) -> dict[str, object]:
    content: dict[str, object] = json.loads(taken.said[index].content or "")
    return content


def test_an_answer_ends_the_turn() -> None:
    taken = turn(says('{"decision": "pay"}'))

    assert taken.answer == Answer(decision="pay")
    assert taken.said[:2] == BRIEF.opening()
    assert len(taken.said) == 3


def test_the_model_is_told_prompt_material_tools_and_the_form_of_its_answer() -> None:
    model = ScriptedModel([says('{"decision": "pay"}')])

    take_turn(BRIEF, PURPOSE, BRIEF.opening(), model, Readings())

    (asked,) = model.asked
    assert [m.content for m in asked.messages] == ["Decide.", '{"n": 1}']
    assert [t.function.name for t in asked.tools] == [TOOL]
    assert asked.response_schema == Answer.model_json_schema()


def test_a_tool_call_is_answered_and_asks_for_another_turn() -> None:
    readings = Readings()

    taken = turn(uses(TOOL, '{"invoice": "$val-1"}', times=2), readings)

    assert taken.answer is None
    assert readings.read_with == [(TOOL, {"invoice": "$val-1"})] * 2
    assert [m.tool_call_id for m in taken.said[-2:]] == ["call-0", "call-1"]
    assert tool_said(taken)["result"] == {"invoice": "$val-1"}


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        (uses("pay_me", "{}"), "UnknownTool"),
        (uses(TOOL, "{"), "Abandon"),
        (uses(TOOL, "[1]"), "Abandon"),
    ],
)
def test_a_wrong_tool_call_is_told_to_the_model(answer: Message, title: str) -> None:
    taken = turn(answer)

    assert taken.answer is None
    error = tool_said(taken)["error"]
    assert isinstance(error, dict)
    assert error["title"] == title


@pytest.mark.parametrize(
    "failure",
    [
        RetryChanged("Arguments do not fit.", cause="data"),
        Abandon("Not well-formed.", cause="data"),
        Abandon("Not yours.", cause="policy"),
    ],
)
def test_a_failure_that_no_repeat_mends_is_told_to_the_model(failure: Failing) -> None:
    taken = turn(uses(TOOL, "{}"), Readings(failure))

    assert tool_said(taken)["error"] == {
        "title": failure.failure.title,
        "detail": failure.failure.detail,
    }


@pytest.mark.parametrize(
    "failure",
    [
        RetryLater("Restarting.", cause="network"),
        RetryLater("The ledger is busy.", cause="tool"),
        RetryNow("Again.", cause="tool"),
        Abandon("No route.", cause="network"),
    ],
)
def test_a_failure_that_a_repeat_may_mend_is_raised(failure: Failing) -> None:
    with pytest.raises(type(failure)):
        turn(uses(TOOL, "{}"), Readings(failure))


def test_too_many_tool_calls_in_one_answer_are_refused() -> None:
    readings = Readings()
    assert turn(uses(TOOL, "{}", times=MAX_CALLS), readings).answer is None

    with pytest.raises(Abandon) as refused:
        turn(uses(TOOL, "{}", times=MAX_CALLS + 1), readings)

    assert refused.value.failure.title == "TooManyToolCalls"
    assert len(readings.read_with) == MAX_CALLS


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        "",
        "I would pay it.",
        "[]",
        '{"decision": 5}',
        '{"decision": "pay", "and": "more"}',
        '{"decision"',
        '{"decision": NaN}',
        "x" * 1_000_000,
    ],
)
def test_garbage_is_asked_again(garbage: str | None) -> None:
    with pytest.raises(RetryNow) as refused:
        turn(Message(role="assistant", content=garbage))

    failure = refused.value.failure
    assert (failure.title, failure.cause) == ("ModelAnswerRefused", "model")
    assert len(failure.detail) < 1000


@given(st.text())
def test_any_text_is_an_answer_or_asked_again(text: str) -> None:
    try:
        assert parse(text, Answer) == Answer.model_validate_json(text)
    except RetryNow:
        with pytest.raises(ValidationError):
            Answer.model_validate_json(text)
