"""The verbs `quartet agent ...`: what the monitor says of agents, and pausing them."""

from typing import Annotated

import typer

from quartet.cli.console import connect
from quartet.cli.speech import (
    AsJson,
    Data,
    cell,
    emit,
    note,
    one_line_errors,
    plain,
    say,
    table,
    terminal,
)
from quartet.contracts.monitor import Agents, AgentView
from quartet.runtime.layout import DataFolder

agent_app = typer.Typer(help="Agents: listed, paused and resumed.", no_args_is_help=True)
App = Annotated[str, typer.Argument(metavar="APP", help="The app-id of an agent.")]
Reason = Annotated[str, typer.Option(help="Why; the record keeps it.")]


@agent_app.command("list")
def list_agents(data: Data = None, *, as_json: AsJson = False) -> None:
    """List agents with their state, their last warning and their rate of calls."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        found = Agents.model_validate(console.operate("list_agents", {}))
    if as_json:
        emit(found)
        return
    made = table("agent", "state", "calls/min", "usual", "since", "why")
    for one in found.agents:
        rate = (str(one.calls_per_minute), f"{one.baseline:.0f}")
        why = f"{one.why} ({one.by})" if one.state == "paused" else one.warned
        made.add_row(one.app_id, cell(one.state), *rate, one.since, plain(why))
    if found.agents:
        terminal().print(made)
    else:
        note("No agent has called anything yet.")


@agent_app.command("pause")
def pause(app: App, why: Reason = "", data: Data = None) -> None:
    """Pause an agent: its tasks wait where they are, nothing is lost."""
    _change("pause_agent", app, why, data)


@agent_app.command("resume")
def resume(app: App, why: Reason = "", data: Data = None) -> None:
    """Resume a paused agent: its tasks go on where they were."""
    _change("resume_agent", app, why, data)


def _change(operation: str, app: str, why: str, data: Data) -> None:
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        sent = {"app_id": app, "why": why}
        view = AgentView.model_validate(console.operate(operation, {**sent}))
    say(f"{view.app_id} is {view.state}")
