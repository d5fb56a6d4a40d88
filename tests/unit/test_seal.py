"""Seals of workflow messages: what a service has made itself passes, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartet.durable.seal import NotSealed, Seal

OURS = Seal("the coordinator's token")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@given(JSON)
def test_what_was_sealed_comes_out_after_its_way_through_json(sent: Any) -> None:
    wire = json.loads(json.dumps(OURS.put_on("run_task", sent)))

    assert OURS.taken_off("run_task", wire) == sent


def test_an_unsealed_a_changed_and_a_diverted_message_are_refused() -> None:
    sealed: Any = OURS.put_on("close_subtask", {"subtask": "pay", "attempt": 1})
    other = Seal("the planner's token").put_on("close_subtask", sealed["sent"])

    wrong: tuple[Any, ...] = (
        {"subtask": "pay", "attempt": 1},
        {**sealed, "sent": {"subtask": "pay", "attempt": 2}},
        {**sealed, "seal": ""},
        {**sealed, "seal": None},
        {**sealed, "seal": "\u00e9"},
        {"sent": sealed["sent"]},
        other,
        None,
        [],
        "text",
    )
    for raw in wrong:
        with pytest.raises(NotSealed):
            OURS.taken_off("close_subtask", raw)
    with pytest.raises(NotSealed):
        OURS.taken_off("register_plan", sealed)


def test_a_seal_without_a_secret_is_none() -> None:
    with pytest.raises(ValueError, match="needs a secret"):
        Seal("")


class Context:
    """A workflow context that keeps what it is told to call."""

    instance_id = "t-7"

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def call_activity(self, name: str, *, input: Any, app_id: str | None = None) -> None:
        self.sent.append((name, input, app_id))

    def call_child_workflow(
        self, name: str, *, input: Any, instance_id: str, app_id: str | None = None
    ) -> None:
        self.sent.append((name, input, app_id, instance_id))


def test_a_workflow_seals_what_it_sends_to_itself_and_nothing_else() -> None:
    context = Context()
    sealing: Any = OURS.sealing(context)  # type: ignore[arg-type]

    sealing.call_activity("claim_task", input={"a": 1})
    sealing.call_activity("draft_plan", input={"a": 1}, app_id="planner")
    sealing.call_child_workflow("run_subtask", input={"a": 1}, instance_id="t-7-1")
    sealing.call_child_workflow("work", input={"a": 1}, instance_id="t-7-2", app_id="specialist-x")

    own, planner, child, specialist = context.sent
    assert OURS.taken_off("claim_task", own[1]) == {"a": 1}
    assert OURS.taken_off("run_subtask", child[1]) == {"a": 1}
    assert planner == ("draft_plan", {"a": 1}, "planner")
    assert specialist == ("work", {"a": 1}, "specialist-x", "t-7-2")
    assert sealing.instance_id == "t-7"
