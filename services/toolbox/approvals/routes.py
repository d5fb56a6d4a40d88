"""The verbs of approvals: a person lists, shows, decides; the coordinator reads on from a number.

Each request of a person carries that person's own token, which is verified here again: a console
alone decides nothing.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Header, Query

from quartet.contracts.approval import (
    ApprovalDecision,
    ApprovalList,
    ApprovalsWanted,
    ApprovalView,
    Decisions,
)
from services.toolbox.approvals.deciding import decide
from services.toolbox.approvals.identity import Identify, nobody
from services.toolbox.approvals.outbox import decisions_after
from services.toolbox.approvals.rounds import Rounds
from services.toolbox.approvals.rules import RULES, Rules
from services.toolbox.approvals.showing import listed, show
from services.toolbox.ledger import Ledger

PersonToken = Annotated[str, Header(alias="Person-Token")]


@dataclass(frozen=True)
class Approvals:
    """How approvals are run: whom a person's token stands for, the limits, how often a round."""

    identify: Identify = nobody
    rules: Rules = RULES
    round_every_s: float | None = 1.0


NOBODY_DECIDES = Approvals()


def serve_approvals(app: FastAPI, ledger: Ledger, approvals: Approvals, rounds: Rounds) -> None:
    """Add the verbs to the app."""
    identify = approvals.identify

    @app.get("/callers/console/approvals")
    def list_approvals(
        wanted: Annotated[ApprovalsWanted, Query()], person_token: PersonToken = ""
    ) -> ApprovalList:
        person = identify(person_token)
        with ledger.read() as entry:
            return listed(entry, wanted, person)

    @app.get("/callers/console/approvals/{approval}")
    def show_approval(approval: int, person_token: PersonToken = "") -> ApprovalView:
        person = identify(person_token)
        with ledger.read() as entry:
            return show(entry, approval, person)

    @app.post("/callers/console/approvals/{approval}/decide")
    def decide_approval(
        approval: int, sent: ApprovalDecision, person_token: PersonToken = ""
    ) -> ApprovalView:
        person = identify(person_token)
        decided = decide(ledger, approval, sent, person, approvals.rules)
        rounds.poke()
        return decided

    @app.get("/callers/coordinator/decisions/{cursor}")
    def decisions(cursor: int) -> Decisions:
        with ledger.read() as entry:
            return decisions_after(entry, cursor)
