"""Text that somebody writes: no control characters; a text that is only kept shows signs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from quartet.contracts.approval import Said
from quartet.contracts.audit import Acknowledgement
from quartet.contracts.base import Line
from quartet.contracts.plan import Subtask
from quartet.contracts.task import Document, TaskRequest
from quartet.contracts.text import control_in, storable
from quartet.contracts.view import Why
from quartet.contracts.work import WorkResult
from quartet.packs.load import load
from quartet.resilience.failures import RetryChanged

DIGEST = "sha256:" + "a" * 64
WRITTEN: list[tuple[type[BaseModel], dict[str, Any], str]] = [
    (TaskRequest, {"pack": "payables"}, "goal"),
    (Document, {"digest": DIGEST}, "name"),
    (Said, {"call_digest": DIGEST}, "reason"),
    (Said, {"call_digest": DIGEST}, "guidance"),
    (Why, {}, "why"),
    (Acknowledgement, {"by": "ann"}, "why"),
    (Subtask, {"id": "a", "kind": "b"}, "goal"),
    (WorkResult, {"decision": "pay"}, "summary"),
]
BAD = ["\0", "a\x01", "\x1b[31m", "\x0b", "\ud800"]


@pytest.mark.parametrize("bad", BAD, ids=ascii)
@pytest.mark.parametrize(("model", "other", "name"), WRITTEN, ids=str)
def test_a_control_character_in_what_somebody_writes_is_refused_by_name(
    model: type[BaseModel], other: dict[str, Any], name: str, bad: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(other | {name: bad})

    (fault,) = refused.value.errors()
    assert fault["loc"] == (name,)
    assert "control character U+00" in fault["msg"] or "unicode string" in fault["msg"]


@pytest.mark.parametrize(("model", "other", "name"), WRITTEN, ids=str)
def test_tabs_and_line_breaks_may_stand_in_what_somebody_writes(
    model: type[BaseModel], other: dict[str, Any], name: str
) -> None:
    said = "Größe:\t1\r\n2 \u2400 \U0001f600"

    assert getattr(model.model_validate(other | {name: said}), name) == said


@given(st.text(st.characters()))
def test_a_storable_text_has_bytes_and_no_nul_and_any_other_stays_as_it_is(text: str) -> None:
    kept = storable(text)

    assert "\0" not in kept
    assert storable(kept) == kept
    assert kept.encode().decode() == kept
    if "\0" not in text and text.isprintable():
        assert kept == text
    assert len(kept) == len(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=500))
def test_a_line_is_refused_exactly_when_a_control_character_is_in_it(text: str) -> None:
    line = TypeAdapter(Line)
    control = any(c < " " and c not in "\t\r\n" for c in text)

    if control:
        with pytest.raises(ValidationError):
            line.validate_python(text)
    else:
        assert line.validate_python(text) == text
    assert (control_in({"a": [1, text]}) is not None) == control
    assert (control_in({text: None}) is not None) == control


def test_a_tool_s_arguments_with_a_control_character_are_sent_back() -> None:
    tool = load("refunds").tools["ask_about_refund"]

    with pytest.raises(RetryChanged, match=r"control character U\+0000"):
        tool.check({"question": "Why\0?"})

    assert tool.check({"question": "Why?"})
