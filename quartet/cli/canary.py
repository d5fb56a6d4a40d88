"""The verbs `quartet canary ...`: how a canary does beside its base, and its share of new tasks."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import typer

from quartet.cli.console import Console, connect
from quartet.cli.speech import (
    AsJson,
    Data,
    emit,
    note,
    one_line_errors,
    plain,
    say,
    table,
    terminal,
)
from quartet.contracts.base import Json
from quartet.contracts.canary import CanaryView, Figures
from quartet.contracts.cost import Costs
from quartet.runtime.layout import DataFolder

canary_app = typer.Typer(
    help="A specialist's new version, for a share of the tasks.", no_args_is_help=True
)
App = Annotated[str, typer.Argument(metavar="APP", help="The app-id of a canary.")]
Reason = Annotated[str, typer.Option(help="Why; the record keeps it.")]
MOST = 10_000


@canary_app.command("status")
def status(data: Data = None, *, as_json: AsJson = False) -> None:
    """Show each canary beside its base: share, results, cost; of tasks since its share began."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        found = console.canaries().canaries
        costs = {one.app_id: _costs(console, one) for one in found}
    if as_json:
        shown: list[Json] = [
            one.model_dump(mode="json") | {"cost_usd": {**costs[one.app_id]}} for one in found
        ]
        emit({"canaries": shown})
        return
    made = table(
        "agent", "share", "subtasks", "done", "revised", "rejected", "failed", "held", "USD"
    )
    for one in found:
        cost = costs[one.app_id]
        for row in (
            (one.app_id, f"{one.percent} %", one.figures),
            (one.canary_of, f"{100 - one.percent} %", one.base),
        ):
            made.add_row(*row[:2], *_cells(row[2]), cost[row[0]])
    if not found:
        note("This suite has no canary. Start it with one: `quartet suite up --canary APP`.")
        return
    terminal().print(made)
    for one in found:
        note(_standing(one))


@canary_app.command("set")
def set_share(
    app: App,
    percent: Annotated[int, typer.Argument(min=0, max=100, help="Of a hundred new tasks.")],
    why: Reason = "",
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give a canary so many of a hundred new tasks."""
    _give(app, percent, why, data, as_json=as_json)


@canary_app.command("promote")
def promote(app: App, why: Reason = "", data: Data = None, *, as_json: AsJson = False) -> None:
    """Give a canary every new task; then bring its version to the base and roll back."""
    _give(app, 100, why, data, as_json=as_json)


@canary_app.command("rollback")
def rollback(app: App, why: Reason = "", data: Data = None, *, as_json: AsJson = False) -> None:
    """Give a canary no new task; it ends what it has under way."""
    _give(app, 0, why, data, as_json=as_json)


def _give(app: str, percent: int, why: str, data: Data, *, as_json: bool) -> None:
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        view = console.give_share(app, percent, why)
    if as_json:
        emit(view)
    else:
        say(f"{view.app_id} gets {view.percent} % of new tasks")
        note(_standing(view))


def _standing(one: CanaryView) -> str:
    """Say who set the share, and what the canary still has."""
    who = f", set by {one.by} at {one.changed}" if one.by else ""
    why = f" ({plain(one.why)})" if one.why else ""
    left = f"{one.under_way} subtasks under way" if one.under_way else "nothing under way"
    return f"{one.app_id}: {one.percent} %{who}{why}; {left}"


def _cells(figures: Figures) -> Iterable[str]:
    return (
        str(number)
        for number in (
            figures.subtasks,
            figures.done,
            figures.revised,
            figures.rejected,
            figures.failed,
            figures.held,
        )
    )


def _costs(console: Console, one: CanaryView) -> Mapping[str, str]:
    """Return what canary and base have cost in the tasks that their figures count."""
    total = {one.app_id: Decimal(0), one.canary_of: Decimal(0)}
    if one.since:
        costs = Costs.model_validate(console.operate("list_costs", {"most": MOST}))
        began = datetime.fromisoformat(one.since).replace(microsecond=0)
        for task in (t for t in costs.tasks if datetime.fromisoformat(t.opened) >= began):
            for agent in total:
                total[agent] += Decimal(task.by_agent_usd.get(agent, "0"))
    return {agent: f"{usd.normalize():f}" for agent, usd in total.items()}
