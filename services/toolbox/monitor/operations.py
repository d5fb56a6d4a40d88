"""Agents for people: listed, paused, resumed; each change is on record with its person."""

from pydantic import Field
from sqlalchemy import func, select

from quartet.contracts.base import Contract, Line, Name
from quartet.contracts.monitor import Agents, AgentView
from quartet.packs.tool import Books as ToolBooks
from services.toolbox.ledger import Books
from services.toolbox.monitor.tables import AgentRow, RateRow
from services.toolbox.monitor.watching import agent_row, pause, resume

A_PERSON = "a person"


class NoArguments(Contract):
    """Nothing is asked for."""


class Agent(Contract):
    """Which agent, and why it is paused or resumed."""

    app_id: Name = Field(description="The app-id of an agent, such as `specialist-finance`.")
    why: Line = Field(default="", description="Why; the record keeps it.")


def list_agents(arguments: NoArguments, books: ToolBooks) -> Agents:
    """List every agent that has called something: its state, its last warning, its rate."""
    del arguments
    calls = select(RateRow.agent, func.sum(RateRow.count), func.sum(RateRow.baseline))
    minute = int(books.now.timestamp() // 60)
    now = {
        agent: (int(count), float(usual))
        for agent, count, usual in books.session.execute(
            calls.where(RateRow.minute >= minute - 1).group_by(RateRow.agent)
        )
    }
    rows = books.session.scalars(select(AgentRow).order_by(AgentRow.app_id))
    return Agents(agents=tuple(_view(row, *now.get(row.app_id, (0, 0.0))) for row in rows))


def pause_agent(arguments: Agent, books: Books) -> AgentView:
    """Pause an agent: its calls wait until a person resumes it, nothing of its work is lost."""
    row = agent_row(books.entry, arguments.app_id)
    if row.state == "running":
        pause(books.entry, row, arguments.why or "no reason given", A_PERSON)
    return _view(row)


def resume_agent(arguments: Agent, books: Books) -> AgentView:
    """Resume a paused agent: each of its tasks goes on where it was."""
    row = agent_row(books.entry, arguments.app_id)
    if row.state == "paused":
        resume(books.entry, row, arguments.why, A_PERSON)
    return _view(row)


def _view(row: AgentRow, count: int = 0, usual: float = 0.0) -> AgentView:
    return AgentView.model_validate(
        {
            "app_id": row.app_id,
            "state": row.state,
            "why": row.why,
            "since": row.changed_at.isoformat(timespec="seconds"),
            "by": row.by,
            "warned": row.warned,
            "calls_per_minute": count,
            "baseline": usual,
        }
    )
