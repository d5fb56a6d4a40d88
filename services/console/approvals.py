"""Approvals at the console: a person's own token goes on to the toolbox, which decides."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query

from quartet.contracts.approval import (
    ApprovalDecision,
    ApprovalList,
    ApprovalsWanted,
    ApprovalView,
    Assignment,
    DecisionKind,
    Said,
    SignedDecision,
)
from quartet.contracts.view import Done
from quartet.service.people import Asker, asker_of
from quartet.sidecar.client import Sidecar

SignedIn = Annotated[Asker, Depends(asker_of)]


def serve_approvals(api: APIRouter, sidecar: Sidecar) -> None:
    """Add the routes: list, show, and one for each kind of decision."""

    @api.get("/approvals")
    def list_approvals(
        asker: SignedIn, wanted: Annotated[ApprovalsWanted, Query()]
    ) -> ApprovalList:
        query = urlencode(wanted.model_dump(exclude_none=True))
        own = sidecar.for_person(asker.token)
        return own.call("toolbox", f"approvals?{query}", None, ApprovalList)

    @api.get("/approvals/{approval}")
    def show_approval(approval: int, asker: SignedIn) -> ApprovalView:
        own = sidecar.for_person(asker.token)
        return own.call("toolbox", f"approvals/{approval}", None, ApprovalView)

    @api.post("/approvals/{approval}/assign")
    def assign(approval: int, sent: Assignment, asker: SignedIn) -> ApprovalView:
        own = sidecar.for_person(asker.token)
        return own.call("toolbox", f"approvals/{approval}/assign", sent, ApprovalView)

    @api.post("/approvals/{approval}/{decision}")
    def decide(approval: int, decision: DecisionKind, said: Said, asker: SignedIn) -> ApprovalView:
        sent = ApprovalDecision(decision=decision, **said.model_dump())
        own = sidecar.for_person(asker.token)
        return own.call("toolbox", f"approvals/{approval}/decide", sent, ApprovalView)

    @api.post("/webhooks/decisions")
    def take_signed(sent: SignedDecision) -> Done:
        """Pass on what a registered sender signed; the toolbox verifies it, nobody signs in."""
        return sidecar.call("toolbox", "signed-decisions", sent, Done)
