"""The verbs of approvals: a person lists, shows, decides; the coordinator reads on from a number.

Each request of a person carries that person's own token, which is verified here again: a console
alone decides nothing.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Query

from quartet.contracts.approval import (
    ApprovalDecision,
    ApprovalList,
    ApprovalsWanted,
    ApprovalView,
    Assignment,
    Decisions,
)
from quartet.contracts.person import Person
from quartet.service.people import person_of
from services.toolbox.approvals.assigning import assign
from services.toolbox.approvals.deciding import decide
from services.toolbox.approvals.outbox import decisions_after
from services.toolbox.approvals.rounds import Rounds
from services.toolbox.approvals.rules import RULES, Rules
from services.toolbox.approvals.showing import listed, show
from services.toolbox.ledger import Ledger

SignedIn = Annotated[Person, Depends(person_of)]


@dataclass(frozen=True)
class Approvals:
    """How approvals are run: the limits, and how often a round is made (None: by hand)."""

    rules: Rules = RULES
    round_every_s: float | None = 1.0


APPROVALS = Approvals()


def serve_approvals(app: FastAPI, ledger: Ledger, approvals: Approvals, rounds: Rounds) -> None:
    """Add the verbs to the app."""

    @app.get("/callers/console/approvals")
    def list_approvals(
        wanted: Annotated[ApprovalsWanted, Query()], person: SignedIn
    ) -> ApprovalList:
        with ledger.read() as entry:
            return listed(entry, wanted, person)

    @app.get("/callers/console/approvals/{approval}")
    def show_approval(approval: int, person: SignedIn) -> ApprovalView:
        with ledger.read() as entry:
            return show(entry, approval, person)

    @app.post("/callers/console/approvals/{approval}/decide")
    def decide_approval(approval: int, sent: ApprovalDecision, person: SignedIn) -> ApprovalView:
        decided = decide(ledger, approval, sent, person, approvals.rules)
        rounds.poke()
        return decided

    @app.post("/callers/console/approvals/{approval}/assign")
    def assign_approval(approval: int, sent: Assignment, person: SignedIn) -> ApprovalView:
        assigned = ledger.settled(lambda entry: assign(entry, approval, sent, person))
        rounds.poke()
        return assigned

    @app.get("/callers/coordinator/decisions/{cursor}")
    def decisions(cursor: int) -> Decisions:
        with ledger.read() as entry:
            return decisions_after(entry, cursor)
