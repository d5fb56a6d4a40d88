"""The verbs `quartet approvals ...`: what waits for people, shown and decided."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, get_args

import typer

from quartet.cli.approval_page import page
from quartet.cli.console import Console, connect
from quartet.cli.speech import (
    AsJson,
    Data,
    Told,
    cell,
    command,
    emit,
    note,
    one_line_errors,
    plain,
    say,
    table,
    terminal,
)
from quartet.contracts.approval import (
    ApprovalGroup,
    ApprovalList,
    ApprovalState,
    ApprovalsWanted,
    ApprovalView,
    DecisionKind,
    Said,
)
from quartet.contracts.base import Fields
from quartet.runtime.layout import DataFolder

approvals_app = typer.Typer(
    help="Approvals: what waits for people, and deciding it.", no_args_is_help=True
)
STATES = ", ".join(get_args(ApprovalState))
Id = Annotated[int, typer.Argument(metavar="ID", help="The number of an approval.")]
Reason = Annotated[str, typer.Option(help="Why; the record keeps it.")]
Optional = Annotated[str, typer.Option(help="Why, if there is more to say.")]


@approvals_app.command("list")
def list_approvals(
    state: Annotated[
        str | None, typer.Option(help=f"Only this state (default: all open): {STATES}.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Only those of this task.")] = None,
    requester: Annotated[str | None, typer.Option(help="Only for tasks of this one.")] = None,
    group: Annotated[str | None, typer.Option(help="Only those that this group is asked.")] = None,
    most: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 100,
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List approvals, the longest waiting first."""
    asked: Fields = {"state": state, "task": task, "requester": requester, "group": group}
    with one_line_errors():
        wanted = _wanted(asked | {"most": most})
        with connect(DataFolder.named(data)) as console:
            found = console.approvals(wanted)
    if as_json:
        emit(found)
    elif found.approvals:
        _show(found)
    else:
        note("No approval is like that; nothing of this kind waits for you.")


@approvals_app.command("show")
def show(approval: Id, data: Data = None, *, as_json: AsJson = False) -> None:
    """Show an approval: the effect, its grounds, and what follows from each decision."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        found = console.approval(approval)
    if as_json:
        emit(found)
    else:
        terminal().print(page(found))


@approvals_app.command("approve")
def approve(
    approval: Id, reason: Optional = "", data: Data = None, *, as_json: AsJson = False
) -> None:
    """Approve the call as it is shown; it is carried out once."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        _tell(_decided(console, approval, "approve", reason), as_json=as_json)


@approvals_app.command("reject")
def reject(
    approval: Id,
    reason: Reason,
    guidance: Annotated[
        str, typer.Option(help="What to do instead: the subtask is worked on once more.")
    ] = "",
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Reject the call; the task goes on without it, or once more with guidance."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        _tell(_decided(console, approval, "reject", reason, guidance), as_json=as_json)


@approvals_app.command("take-over")
def take_over(
    approval: Id, reason: Optional = "", data: Data = None, *, as_json: AsJson = False
) -> None:
    """Take the matter over: nobody else decides it, and it does not expire."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        _tell(_decided(console, approval, "take-over", reason), as_json=as_json)


@approvals_app.command("resolve")
def resolve(approval: Id, reason: Reason, data: Data = None, *, as_json: AsJson = False) -> None:
    """Say what was done by hand; the call itself is never carried out then."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        _tell(_decided(console, approval, "resolve", reason), as_json=as_json)


@approvals_app.command("assign")
def assign(
    approval: Id,
    group: Annotated[str, typer.Argument(help="The group that is asked from now on.")],
    why: Annotated[str, typer.Option(help="Why; the record keeps it.")] = "",
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask another group of people; they are told."""
    with one_line_errors(), connect(DataFolder.named(data)) as console:
        assigned = console.assign(approval, group, why)
    if as_json:
        emit(assigned)
    else:
        say(plain(f"{assigned.group} is asked: {assigned.effect}"))


def _wanted(asked: Fields) -> ApprovalsWanted:
    try:
        return ApprovalsWanted.model_validate(asked)
    except ValueError as error:
        raise Told(f"That filter fits nothing: the states are {STATES}.") from error


def _decided(
    console: Console, approval: int, decision: DecisionKind, reason: str, guidance: str = ""
) -> ApprovalView:
    """Decide on the call as it is shown; an approval's call never changes."""
    shown = console.approval(approval)
    said = Said(call_digest=shown.call_digest, reason=reason, guidance=guidance)
    return console.decide(approval, decision, said)


def _tell(decided: ApprovalView, *, as_json: bool) -> None:
    if as_json:
        emit(decided)
        return
    say(plain(f"{decided.state}: {decided.effect}"))
    if decided.state == "waiting":
        have = len({d.person for d in decided.decisions if d.decision == "approve"})
        say(f"{have} of {decided.approvers} people have approved; it waits for another.")
    if decided.state == "taken-over":
        say(f"Do it by hand, then `{command()} approvals resolve {decided.id} --reason ...`.")


def _show(found: ApprovalList) -> None:
    made = table("id", "state", "effect", "for", "tier", "asks", "until")
    for one in found.approvals:
        made.add_row(
            str(one.id),
            cell(one.state),
            cell(one.effect),
            cell(one.requester),
            f"{one.tier} by {one.approvers}" if one.approvers > 1 else one.tier,
            cell(one.group),
            _moment(one.expires_at),
        )
    terminal().print(made)
    if many := [g for g in found.groups if g.count > 1]:
        say()
        _show_groups(many)
    note(f"Look at one with: {command()} approvals show {found.approvals[0].id}")


def _show_groups(groups: Sequence[ApprovalGroup]) -> None:
    made = table("alike", "for", "tool", "counterparty", "together", "since")
    for group in groups:
        sums = ", ".join(f"{amount} {currency}" for currency, amount in group.amounts.items())
        made.add_row(
            str(group.count),
            cell(group.requester),
            group.tool,
            cell(group.counterparty),
            sums,
            _moment(group.oldest),
        )
    terminal().print(made)


def _moment(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
