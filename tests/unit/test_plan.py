"""Plans: what is refused and why, in which order subtasks become ready."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from quartet.contracts.plan import Condition, Kind, Plan, Slot, Subtask
from quartet.contracts.task import MAX_DEPTH, MAX_SUBTASKS

KINDS = {
    "read": Kind(decisions=("invoice", "unreadable")),
    "settle": Kind(("pay", "hold"), ("pay", "hold")),
}
TOOLS = ("pay", "hold", "refund")
DOCUMENT = "sha256:" + "d" * 64


def node(name: str, *after: str, kind: str = "read", **more: Any) -> Subtask:
    return Subtask(id=name, kind=kind, goal="Do it.", depends_on=after, **more)


def slot(number: int, *tools: str) -> Slot:
    return Slot(number=number, tools=tools)


def refusals(*subtasks: Subtask) -> list[str]:
    return [r.says for r in Plan(subtasks=subtasks).problems(KINDS, TOOLS, [DOCUMENT])]


def test_a_plan_of_known_kinds_tools_and_documents_is_valid() -> None:
    read = node("a", documents=(DOCUMENT,))
    settle = node("b", "a", kind="settle", slots=(slot(1, "pay", "hold"),))

    assert refusals(read, settle) == []


def test_a_condition_on_a_dependency_is_valid() -> None:
    when = (Condition(subtask="a", decisions=("invoice",)),)

    assert refusals(node("a"), node("b", "a", when=when)) == []


def test_a_condition_on_what_is_never_decided_is_refused() -> None:
    when = (Condition(subtask="a", decisions=("invoice", "parcel")),)

    (says,) = refusals(node("a"), node("b", "a", when=when))

    assert says == "'a' never decides 'parcel', which 'b' waits for."


def test_an_unknown_kind_names_itself_and_what_there_is() -> None:
    (says,) = refusals(node("a", kind="translate"))

    assert says.startswith("NoSpecialistAvailable")
    assert "'translate'" in says
    assert "read, settle" in says


@pytest.mark.parametrize(
    ("subtasks", "part"),
    [
        ((node("a", "b"), node("b", "a")), "cycle or waits for ever: a, b"),
        ((node("a", "a"),), "cycle or waits for ever: a"),
        ((node("a", "z"),), "depends on unknown 'z'"),
        ((node("a"), node("a")), "Two subtasks are named 'a'"),
        ((node("a", documents=("sha256:" + "e" * 64,)),), "has no document sha256:eee"),
        ((node("a", kind="settle", slots=(slot(1, "steal"),)),), "No write tool is named 'steal'"),
        ((node("a", kind="settle", slots=(slot(1, "refund"),)),), "may not propose 'refund'"),
        ((node("a", slots=(slot(1, "pay"),)),), "Kind 'read' may not propose 'pay'"),
        (
            (node("a", kind="settle", slots=(slot(1, "pay"), slot(1, "hold"))),),
            "slots have the same number",
        ),
        (
            (
                node("a", kind="settle", slots=(slot(4, "pay"),)),
                node("b", kind="settle", slots=(slot(4, "pay"),)),
            ),
            "slots have the same number",
        ),
        (
            (node("a"), node("b", when=(Condition(subtask="a", decisions=("invoice",)),))),
            "reads 'a', which it does not depend on",
        ),
    ],
)
def test_a_faulty_plan_is_refused_with_its_reason(subtasks: tuple[Subtask, ...], part: str) -> None:
    assert any(part in says for says in refusals(*subtasks))


def test_every_fault_is_told_at_once() -> None:
    assert len(refusals(node("a", "z", kind="x"), node("b", kind="y"))) >= 3


def chain(length: int) -> tuple[Subtask, ...]:
    return tuple(node(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(length))


def test_depth_is_capped() -> None:
    assert refusals(*chain(MAX_DEPTH)) == []
    assert refusals(*chain(MAX_DEPTH + 1)) == [
        f"The plan is {MAX_DEPTH + 1} layers deep; at most {MAX_DEPTH}."
    ]


def test_width_is_capped() -> None:
    wide = tuple(node(f"s{n}") for n in range(MAX_SUBTASKS + 1))

    assert Plan(subtasks=wide[:MAX_SUBTASKS]).problems(KINDS, TOOLS, ()) == ()
    with pytest.raises(ValidationError):
        Plan(subtasks=wide)


def test_a_plan_without_subtasks_is_none() -> None:
    with pytest.raises(ValidationError):
        Plan(subtasks=())


def test_a_long_cycle_is_told_in_one_line() -> None:
    names = [f"subtask-with-a-long-name-{n:03}" for n in range(MAX_SUBTASKS)]
    ring = [node(name, names[n - 1]) for n, name in enumerate(names)]

    assert all(len(says) <= 500 for says in refusals(*ring))


def test_what_is_ready_has_not_started_and_waits_for_nothing() -> None:
    plan = Plan(subtasks=(node("a"), node("b"), node("c", "a", "b")))

    assert [s.id for s in plan.ready((), ())] == ["a", "b"]
    assert [s.id for s in plan.ready((), ("a",))] == ["b"]
    assert [s.id for s in plan.ready(("a",), ("a", "b"))] == []
    assert [s.id for s in plan.ready(("a", "b"), ("a", "b"))] == ["c"]


@st.composite
def dags(draw: st.DrawFn) -> Plan:
    size = draw(st.integers(1, 12))
    nodes = []
    for n in range(size):
        earlier = draw(st.sets(st.integers(0, n - 1), max_size=3)) if n else set()
        nodes.append(node(f"s{n}", *(f"s{e}" for e in sorted(earlier))))
    return Plan(subtasks=tuple(draw(st.permutations(nodes))))


@given(dags())
def test_every_acyclic_plan_runs_to_its_end_in_the_order_of_its_dependencies(plan: Plan) -> None:
    ended: list[str] = []

    while ready := plan.ready(ended, ended):
        ended.append(ready[0].id)

    assert plan.problems(KINDS, TOOLS, ()) == ()
    assert len(ended) == len(plan.subtasks)
    for subtask in plan.subtasks:
        assert all(ended.index(d) < ended.index(subtask.id) for d in subtask.depends_on)
