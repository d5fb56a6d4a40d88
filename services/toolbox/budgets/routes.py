"""The toolbox's verbs of budgets over HTTP; what they do lives beside this module."""

from typing import TypeVar

from fastapi import FastAPI

from quartet.contracts.base import Name, TaskId
from quartet.contracts.budget import Opened, Opening, Release, Released, Reserve, Reserved, Waits
from quartet.packs.load import Pack
from quartet.resilience.failures import Failing
from quartet.service.tokens import TxnToken
from services.toolbox import documents
from services.toolbox.budgets.ending import release
from services.toolbox.budgets.opening import open_budget, waits_since
from services.toolbox.budgets.reserving import reserve
from services.toolbox.ledger import Entry, Ledger
from services.toolbox.tokens import Held

Got = TypeVar("Got")


def serve_budgets(app: FastAPI, pack: Pack, ledger: Ledger, tokens: Held) -> None:
    """Add the verbs to the app."""
    budgets = pack.manifest.budgets

    @app.post("/callers/coordinator/budgets")
    def open_(sent: Opening) -> Opened:
        return ledger.settled(lambda entry: open_budget(entry, budgets, sent))

    @app.get("/callers/coordinator/waits/{task}")
    def waits(task: TaskId) -> Waits:
        with ledger.read() as entry:
            return Waits(since=waits_since(entry, task))

    @app.post("/callers/{caller}/reserve")
    def reserve_(caller: Name, sent: Reserve, txn_token: TxnToken = "") -> Reserved:
        tokens.for_reservation(txn_token, caller, sent)

        def reserved(entry: Entry) -> Reserved | Failing:
            refused = documents.refusal(entry, pack, sent.name, sent)
            return refused or reserve(entry, pack.manifest, caller, sent)

        return raised(ledger.settled(reserved))

    @app.post("/callers/{caller}/release")
    def release_(caller: Name, sent: Release) -> Released:
        return Released(released=ledger.settled(lambda entry: release(entry, caller, sent)))


def raised(answer: Got | Failing) -> Got:
    """Raise a refusal that its transaction has recorded; return anything else."""
    if isinstance(answer, Failing):
        raise answer
    return answer
