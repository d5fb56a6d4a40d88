"""A canary of a running suite, steered by the command as a person would; no test."""

import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

from quartet.contracts.canary import Canaries, CanaryView
from quartet.contracts.cost import Costs
from quartet.contracts.view import TaskView
from quartet.packs.canary import canary_of
from quartet.trust.digest import task_id
from services.coordinator.choosing import falls_to
from tests.suite.approving import decider, ended
from tests.suite.client import Client
from tests.suite.invoices import clean_invoice, renumbered, sample
from tests.suite.running import Running

BASE = "specialist-finance"
CANARY = canary_of(BASE)
NUMBERS = count(1)


def canary(client: Client, *words: str) -> Any:
    """Run `quartet canary ...` as the operator of the client; return what it says as JSON."""
    said = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "quartet"), "canary", *words),
            *("--json", "--data", str(client.data.root)),
        ],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def standing(client: Client) -> CanaryView:
    """Return the canary as the console shows it."""
    answer = client.http.get("/canaries")
    assert answer.is_success, answer.text
    (one,) = Canaries.model_validate_json(answer.content).canaries
    return one


def pay(running: Running, batch: str, *, to_canary: bool | None = None) -> str:
    """Submit a clean invoice; one that at 50 % falls to the canary or not, if it is said."""
    client = running.client
    event = client.event(client.upload(clean_invoice()), batch=batch)
    while to_canary is not None:
        event["id"] = f"{batch}-{next(NUMBERS)}"
        if falls_to(CANARY, task_id("/tests", str(event["id"])), 50) is to_canary:
            break
    return client.submit(client.signed(event))


def settler(view: TaskView) -> str:
    """Return the app-id that worked on the settling of an invoice."""
    (one,) = (s.app_id for s in view.subtasks if s.kind == "settle-invoice")
    return one


def callers(running: Running, tasks: list[str]) -> dict[str, set[str]]:
    """Return which of base and canary has called models or tools for each task, by the ledger."""
    costs = Costs.model_validate(running.client.operate("list_costs", {"tasks": [*tasks]}))
    return {one.task: {BASE, CANARY} & one.by_agent_usd.keys() for one in costs.tasks}


def pay_much(running: Running, batch: str, number: str) -> str:
    """Submit an invoice that two people have to approve."""
    client = running.client
    document = client.upload(renumbered(sample("over-limit"), number))
    return client.submit(client.signed(client.event(document, batch=batch)))


def approve(running: Running, task: str) -> TaskView:
    """Have the two people approve; return the task when it has ended."""
    for name in ("alice", "bob"):
        with decider(running.client, name) as person:
            person.decide(person.waiting(task), "approve")
    return ended(running.client, task)
