"""Opening a task's budget, and what a person answers at its soft limit."""

from datetime import datetime, timedelta
from typing import Literal

from quartet.contracts.base import Fields, TaskId
from quartet.contracts.budget import Budgets, Opened, Opening
from services.toolbox.budgets.accounts import Account, find, open_account
from services.toolbox.budgets.tables import BudgetedTaskRow
from services.toolbox.ledger import Entry
from services.toolbox.monitor.tables import AgentRow
from services.toolbox.refusals import NotThere, PolicyRefusal

LOOKS = timedelta(minutes=6)
Answer = Literal["allowed", "refused"]


def open_budget(entry: Entry, budgets: Budgets, sent: Opening) -> Opened:
    """Open a task's budget with the caps asked for, within the suite's; the first one stays."""
    caps = sent.caps.within(budgets.task)
    row = entry.session.get(BudgetedTaskRow, sent.task)
    if row is None:
        entry.session.add(
            BudgetedTaskRow(
                task=sent.task, requester=sent.requester, tenant=sent.tenant, opened_at=entry.now
            )
        )
        open_account(entry, Account("task", sent.task), caps, budgets.soft)
        body: Fields = {"requester": sent.requester, "caps": caps.model_dump(mode="json")}
        entry.record("coordinator", "budget-opened", sent.task, {**body, "tenant": sent.tenant})
    return Opened(caps=caps)


def budgeted(entry: Entry, task: TaskId) -> BudgetedTaskRow:
    """Return whose budget a task uses; raises PolicyRefusal for a task that has none."""
    row = entry.session.get(BudgetedTaskRow, task, populate_existing=True)
    if row is None:
        raise PolicyRefusal(
            f"Task {task} has no budget, so nothing is called for it. The coordinator opens one "
            "when it claims the task.",
            "NoBudget",
        )
    return row


def answer(entry: Entry, task: TaskId, given: Answer, why: str) -> str:
    """Keep a person's answer at a soft limit: spend up to the hard one, or stop here."""
    row = entry.session.get(BudgetedTaskRow, task)
    account = find(entry, Account("task", task))
    if row is None or account is None:
        raise NotThere(f"There is no budget of task {task[:40]!r}.", "NoSuchBudget")
    if row.asked_at is None:
        raise NotThere(f"Task {task} asks for no more money; there is nothing to answer.", "NoAsk")
    row.answer, row.waits_for, row.waits_since = given, None, None
    if given == "allowed":
        account.soft_usd_nano = None
    entry.record("console", f"budget-{given}", task, {"why": why})
    return f"{task}: more money is {given}"


def waits_since(entry: Entry, task: TaskId) -> datetime | None:
    """Return since when a task's calls wait for a person.

    A resumed agent's workflows look again within ``LOOKS``, so its tasks wait for so long yet.
    """
    row = entry.session.get(BudgetedTaskRow, task)
    if row is None or row.waits_for is None:
        return None
    agent = entry.session.get(AgentRow, row.waits_for)
    if agent is not None and agent.state == "running" and entry.now - agent.changed_at > LOOKS:
        return None
    return row.waits_since
