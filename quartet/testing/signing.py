"""Signers and a keyring from fixed seeds, and messages that they have signed, for tests."""

import hashlib
import json
import time
from pathlib import Path

from quartet.contracts.base import Json
from quartet.contracts.effect import Registration
from quartet.contracts.person import DEFAULT_TENANT
from quartet.contracts.token import Behalf, Transaction
from quartet.contracts.work import Verdict, Worked, WorkOrder, WorkResult
from quartet.trust.chain import (
    PLAN,
    PROPOSAL,
    VERDICT,
    plan_statement,
    proposal_statement,
    verdict_statement,
)
from quartet.trust.digest import proposal_digest
from quartet.trust.keys import EPOCH_S, Clock, Keyring, Signer, published
from quartet.trust.tokens import write

APPS = (
    "coordinator",
    "planner",
    "critic",
    "models",
    "reader",
    "toolbox",
    "console",
    "specialist-documents",
    "specialist-finance",
    "specialist-refunds",
    "specialist-finance-canary",
)


def seed_of(app_id: str) -> bytes:
    """Return the fixed seed of an app-id."""
    return hashlib.sha256(f"a test's seed of {app_id}".encode()).digest()


def signer(app_id: str, clock: Clock = time.time) -> Signer:
    """Return the signer of an app-id."""
    return Signer(app_id, lambda: seed_of(app_id), clock)


def keyring(folder: Path, clock: Clock = time.time, apps: tuple[str, ...] = APPS) -> Keyring:
    """Return a keyring over ``trust`` in this folder, with keys around the present epoch."""
    epoch = int(clock()) // EPOCH_S
    keys: list[Json] = [
        published(seed_of(app), app, e) for app in apps for e in range(epoch - 1, epoch + 2)
    ]
    path = folder / "trust" / "services.jwks.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"keys": keys}), encoding="utf-8")
    return Keyring(path, clock)


def registered(plan: Registration, by: str = "coordinator") -> Registration:
    """Return a registration with its signature."""
    return plan.model_copy(update={"signature": signer(by).sign(plan_statement(plan), PLAN)})


def worked(order: WorkOrder, result: WorkResult, by: str) -> Worked:
    """Return what a specialist's work comes to."""
    named = proposal_digest(order.plan, order.task, order.subtask.id, order.attempt, result)
    statement = proposal_statement(order.task, order.plan, named)
    return Worked(result=result, signature=signer(by).sign(statement, PROPOSAL))


def judged(verdict: Verdict, by: str = "critic") -> Verdict:
    """Return a verdict with its signature."""
    signature = signer(by).sign(verdict_statement(verdict), VERDICT)
    return verdict.model_copy(update={"signature": signature})


def token(to: str, step: Transaction, clock: Clock = time.time, by: str = "coordinator") -> str:
    """Return a transaction token for a step."""
    behalf = Behalf(requester="tester", tenant=DEFAULT_TENANT)
    return write(signer(by, clock), to, step, behalf, clock).token
