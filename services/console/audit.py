"""The console's routes on the audit, under ``/api/audit``: its state, checkpoints and keys."""

import json
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from quartet.contracts.audit import Acknowledgement, AuditState, Checkpoints
from quartet.contracts.base import Fields
from quartet.contracts.person import Person
from quartet.contracts.view import Why
from quartet.service.people import need, person_at_the_door
from quartet.sidecar.client import Sidecar


def auditor(request: Request) -> Person:
    """Return who asks, an auditor or an admin (a FastAPI dependency)."""
    person = person_at_the_door(request)
    need(person, "auditor")
    return person


def admin(request: Request) -> Person:
    """Return who asks, an admin (a FastAPI dependency)."""
    person = person_at_the_door(request)
    need(person, "admin")
    return person


Auditor = Annotated[Person, Depends(auditor)]
Admin = Annotated[Person, Depends(admin)]


def serve_audit(api: APIRouter, sidecar: Sidecar, keys: Path) -> None:
    """Add the routes; ``keys`` is the file with the public keys of all services."""

    @api.get("/audit")
    def state(asks: Auditor) -> AuditState:
        del asks
        return sidecar.call("coordinator", "audit", None, AuditState)

    @api.post("/audit/attest")
    def attest(asks: Auditor) -> AuditState:
        del asks
        return sidecar.call("coordinator", "audit/attest", Why(), AuditState)

    @api.get("/audit/checkpoints")
    def checkpoints(asks: Auditor, after: int = 0) -> Checkpoints:
        del asks
        return sidecar.call("coordinator", f"audit/checkpoints/{after}", None, Checkpoints)

    @api.get("/audit/keys")
    def published(asks: Auditor) -> Fields:
        del asks
        found: Fields = json.loads(keys.read_text(encoding="utf-8"))
        return found

    @api.post("/audit/acknowledge")
    def acknowledge(asks: Admin, why: Why) -> AuditState:
        sent = Acknowledgement(by=asks.name, why=why.why)
        return sidecar.call("coordinator", "audit/acknowledge", sent, AuditState)
