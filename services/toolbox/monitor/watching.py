"""Watching the calls of agents as they are reserved; what is unusual is decided in signs."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select

from quartet.contracts.base import Name
from quartet.contracts.budget import PAUSED
from quartet.contracts.monitor import Finding, Watch
from quartet.resilience.failures import Failing, RetryLater
from services.toolbox.budgets.accounts import Account, find
from services.toolbox.budgets.tables import ReservationRow
from services.toolbox.ledger import Entry
from services.toolbox.monitor.signs import Rate, burning, repeated
from services.toolbox.monitor.tables import AgentRow, RateRow

MONITOR = "monitor"
QUIET = timedelta(minutes=10)
"""How long after a warning the next one of the same agent comes at the earliest."""


def put_off(entry: Entry, rules: Watch, row: ReservationRow) -> Failing | None:
    """Return why an agent's call has to wait: it is paused, or this call makes it so."""
    agent = agent_row(entry, row.caller)
    if agent.state == "paused":
        return _paused(agent)
    for finding, says in _signs(entry, rules, row, agent):
        if finding == "pause":
            pause(entry, agent, says, MONITOR)
            return _paused(agent)
        if finding == "warn":
            _warn(entry, agent, says)
    return None


def agent_row(entry: Entry, app_id: Name) -> AgentRow:
    """Return what is known of an agent; one never seen before runs."""
    row = entry.session.get(AgentRow, app_id, populate_existing=True)
    if row is None:
        row = AgentRow(
            app_id=app_id, state="running", why="", by="", warned="", changed_at=entry.now
        )
        entry.session.add(row)
        entry.session.flush()
    return row


def pause(entry: Entry, agent: AgentRow, why: str, by: str) -> None:
    """Pause an agent: its calls wait, and with them its workflows, where they are."""
    agent.state, agent.why, agent.by, agent.changed_at = "paused", why[:500], by, entry.now
    entry.record("toolbox", "agent-paused", None, {"agent": agent.app_id, "why": why, "by": by})


def resume(entry: Entry, agent: AgentRow, why: str, by: str) -> None:
    """Let an agent go on; repeated calls are counted from here anew."""
    agent.state, agent.why, agent.by, agent.changed_at = "running", why[:500], by, entry.now
    agent.warned, agent.warned_at = "", None
    entry.record("toolbox", "agent-resumed", None, {"agent": agent.app_id, "why": why, "by": by})


def _signs(
    entry: Entry, rules: Watch, row: ReservationRow, agent: AgentRow
) -> Iterator[tuple[Finding, str]]:
    rate = _counted(entry, row)
    yield (
        rate.finding(rules),
        f"{rate.count} calls of {row.name} in a minute, usually {rate.baseline:.0f}",
    )
    times = _times(entry, row, agent) if row.kind == "tool" else 0
    yield (
        repeated(times, rules),
        f"the same call of {row.name} {times} times in attempt {row.attempt} at "
        f"{row.subtask!r} of {row.task}",
    )
    account = find(entry, Account("agent", row.caller, row.day)) if row.worst_usd_nano else None
    if account is not None:
        minutes = (entry.now - account.opened_at).total_seconds() / 60
        spent = account.spent_usd_nano
        yield burning(spent, account.limit_usd_nano, minutes, rules), "its day's money goes fast"


def _counted(entry: Entry, row: ReservationRow) -> Rate:
    """Count a call in its agent's rate for this tool, and return the rate."""
    minute = int(entry.now.timestamp() // 60)
    key = (row.caller, row.name)
    kept = entry.session.get(RateRow, key, with_for_update=True, populate_existing=True)
    if kept is None:
        kept = RateRow(agent=row.caller, name=row.name, minute=minute, count=0)
        kept.baseline, kept.minutes = 0.0, 0
        entry.session.add(kept)
    rate = Rate(kept.minute, kept.count, kept.baseline, kept.minutes).after_call(minute)
    kept.minute, kept.count = rate.minute, rate.count
    kept.baseline, kept.minutes = rate.baseline, rate.minutes
    entry.session.flush()
    return rate


def _times(entry: Entry, row: ReservationRow, agent: AgentRow) -> int:
    """Return how often this very call was made, with this one, since the agent was resumed."""
    if row.number < 2:
        return row.number
    query = select(func.count()).where(
        ReservationRow.call == row.call,
        ReservationRow.opened_at >= agent.changed_at,
        ReservationRow.state.in_(("settled", "late")),
    )
    return 1 + (entry.session.scalar(query) or 0)


def _warn(entry: Entry, agent: AgentRow, says: str) -> None:
    if agent.warned_at is not None and entry.now - agent.warned_at < QUIET:
        return
    agent.warned, agent.warned_at = says[:500], entry.now
    entry.record("toolbox", "agent-warned", None, {"agent": agent.app_id, "says": says})


def _paused(agent: AgentRow) -> RetryLater:
    return RetryLater(
        f"{agent.app_id} is paused by {agent.by}: {agent.why}. It goes on where it is after "
        f"`quartet agent resume {agent.app_id}`.",
        cause="policy",
        title=PAUSED,
        after=1.0,
    )
