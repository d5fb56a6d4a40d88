"""The console's routes on the audit, under ``/api/audit``: its state, checkpoints and keys."""

import json
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends

from quartet.contracts.audit import Acknowledgement, AuditState, Checkpoints
from quartet.contracts.base import Fields
from quartet.contracts.view import Why
from quartet.service.people import Asker, asker_with
from quartet.sidecar.client import Sidecar

Auditor = Annotated[Asker, Depends(asker_with("auditor"))]
Admin = Annotated[Asker, Depends(asker_with("admin"))]


def serve_audit(api: APIRouter, sidecar: Sidecar, keys: Path) -> None:
    """Add the routes; ``keys`` is the file with the public keys of all services."""

    @api.get("/audit")
    def state(asks: Auditor) -> AuditState:
        return sidecar.for_person(asks.token).call("coordinator", "audit", None, AuditState)

    @api.post("/audit/attest")
    def attest(asks: Auditor) -> AuditState:
        return sidecar.for_person(asks.token).call("coordinator", "audit/attest", Why(), AuditState)

    @api.get("/audit/checkpoints")
    def checkpoints(asks: Auditor, after: int = 0) -> Checkpoints:
        return sidecar.for_person(asks.token).call(
            "coordinator", f"audit/checkpoints/{after}", None, Checkpoints
        )

    @api.get("/audit/keys")
    def published(asks: Auditor) -> Fields:
        del asks
        found: Fields = json.loads(keys.read_text(encoding="utf-8"))
        return found

    @api.post("/audit/acknowledge")
    def acknowledge(asks: Admin, why: Why) -> AuditState:
        sent = Acknowledgement(by=asks.person.name, why=why.why)
        return sidecar.for_person(asks.token).call(
            "coordinator", "audit/acknowledge", sent, AuditState
        )
