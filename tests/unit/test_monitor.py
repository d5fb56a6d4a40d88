"""The monitor: what is unusual as pure logic, and an agent warned, paused and resumed."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from quartet.contracts.base import Fields
from quartet.contracts.monitor import Agents, Finding, Watch
from quartet.trust.digest import digest
from services.toolbox.monitor.signs import LEARNING, Rate, burning, repeated
from services.toolbox.tables import AuditRow
from tests.unit.toolbox_desk import DOCUMENT, Desk, invoice, opened, settlement, task

RULES = Watch(least_per_minute=10, warn_repeats=3, pause_repeats=5)
NOON = Rate(minute=1000)
AGENT = "specialist-documents"


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        desk.register(task(1))
        yield desk
        assert desk.problems() == ()


def busy(per_minute: int, minutes: int, begin: Rate = NOON) -> Rate:
    """A rate after so many minutes of so many calls each."""
    rate = begin
    for minute in range(begin.minute + 1, begin.minute + 1 + minutes):
        for _ in range(per_minute):
            rate = rate.after_call(minute)
    return rate


def read(desk: Desk, times: int, of: str = "the document") -> list[str]:
    """Call the same read tool so many times; return what each came to."""
    asked: Fields = {"document": DOCUMENT, "part": of}
    named: Fields = {"arguments_digest": digest(asked), "asked": asked}
    call = settlement(task(1), invoice()) | named
    return [once(desk, call) for _ in range(times)]


def once(desk: Desk, call: Fields) -> str:
    names = ("task", "subtask", "attempt", "caller", "arguments_digest", "asked")
    sent = {n: call[n] for n in names} | {"kind": "tool", "name": call["tool"], "timeout_s": 30.0}
    answer = desk.http.post("/callers/reader/reserve", json=sent)
    if answer.status_code != 200:
        assert answer.json()["advice"] == "retry-later"
        return str(answer.json()["title"])
    desk.post("/callers/reader/settle", call | {"reservation": answer.json()["reservation"]})
    return "read"


def kinds(desk: Desk) -> list[str]:
    with desk.ledger.read() as entry:
        rows = entry.session.scalars(select(AuditRow).order_by(AuditRow.sequence))
        return [row.kind for row in rows]


def test_a_steady_rate_is_never_unusual() -> None:
    assert busy(500, 30).finding(RULES) == "fine"


@pytest.mark.parametrize(("factor", "finding"), [(3, "fine"), (5, "warn"), (11, "pause")])
def test_a_rate_far_above_its_baseline_warns_then_pauses(factor: int, finding: Finding) -> None:
    usual = busy(20, 20)

    assert busy(20 * factor, 1, usual).finding(RULES) == finding


def test_a_burst_below_the_least_rate_or_before_a_baseline_says_nothing() -> None:
    assert busy(10, 1, busy(1, 20)).finding(RULES) == "fine"
    assert busy(1000, LEARNING - 1).finding(RULES) == "fine"


def test_quiet_minutes_lower_the_baseline() -> None:
    usual = busy(100, 20)

    assert usual.after_call(usual.minute + 30).baseline < 1


@pytest.mark.parametrize(
    ("times", "finding"), [(1, "fine"), (2, "fine"), (3, "warn"), (4, "warn"), (5, "pause")]
)
def test_the_same_call_again_and_again_warns_then_pauses(times: int, finding: Finding) -> None:
    assert repeated(times, RULES) == finding


@pytest.mark.parametrize(
    ("spent", "limit", "minutes", "finding"),
    [
        (49, 100, 1.0, "fine"),
        (60, 100, 600.0, "fine"),
        (60, 100, 30.0, "warn"),
        (90, 100, 30.0, "pause"),
        (90, None, 30.0, "fine"),
        (90, 100, 0.5, "fine"),
    ],
)
def test_a_day_s_money_that_will_soon_be_gone_warns_then_pauses(
    spent: int, limit: int | None, minutes: float, finding: Finding
) -> None:
    assert burning(spent, limit, minutes, RULES) == finding


def test_an_agent_that_loops_is_warned_once_then_paused(desk: Desk) -> None:
    came_to = read(desk, 9)

    assert came_to == ["read"] * 7 + ["AgentPaused"] * 2
    assert kinds(desk).count("agent-warned") == 1
    assert kinds(desk).count("agent-paused") == 1
    (agent,) = Agents.model_validate(desk.operate("list_agents")).agents
    assert (agent.app_id, agent.state, agent.by) == (AGENT, "paused", "monitor")


def test_a_paused_agent_calls_nothing_at_all_until_a_person_resumes_it(desk: Desk) -> None:
    desk.operate("pause_agent", {"app_id": AGENT, "why": "it looks odd"})
    assert read(desk, 1, "another document") == ["AgentPaused"]

    desk.operate("resume_agent", {"app_id": AGENT, "why": "it was fine"})

    assert read(desk, 1, "another document") == ["read"]
    assert [k for k in kinds(desk) if k.startswith("agent-")] == ["agent-paused", "agent-resumed"]


def test_a_resumed_agent_starts_its_count_anew(desk: Desk) -> None:
    assert read(desk, 8)[-1] == "AgentPaused"

    desk.operate("resume_agent", {"app_id": AGENT})

    assert read(desk, 3) == ["read"] * 3


def test_different_calls_are_no_loop(desk: Desk) -> None:
    assert {once for n in range(12) for once in read(desk, 1, f"document {n}")} == {"read"}
    assert "agent-warned" not in kinds(desk)


def test_a_cycle_of_calls_is_a_loop(desk: Desk) -> None:
    came_to = [once for _ in range(8) for name in "abc" for once in read(desk, 1, name)]

    assert came_to.count("read") == 21
    assert came_to[-1] == "AgentPaused"


def test_a_task_waits_as_long_as_its_agent_is_paused(desk: Desk) -> None:
    def waits() -> bool:
        answer = desk.http.get(f"/callers/coordinator/waits/{task(1)}")
        return bool(answer.json()["since"])

    assert not waits()
    desk.operate("pause_agent", {"app_id": AGENT, "why": "it looks odd"})
    assert not waits()

    read(desk, 1)
    assert waits()

    desk.operate("resume_agent", {"app_id": AGENT})
    assert waits()
    desk.clock.now += timedelta(minutes=7)
    assert not waits()
    read(desk, 1)
    assert not waits()
