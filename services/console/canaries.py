"""The console's door to canaries: shown to operators and auditors, steered by operators."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends

from quartet.contracts.canary import Canaries, CanaryView, ShareWanted
from quartet.service.people import Asker, asker_with
from quartet.sidecar.client import Sidecar

Looking = Annotated[Asker, Depends(asker_with("operator", "auditor"))]
Steering = Annotated[Asker, Depends(asker_with("operator"))]


def serve_canaries(api: APIRouter, sidecar: Sidecar) -> None:
    """Add the verbs; the coordinator verifies the person again."""

    @api.get("/canaries")
    def canaries(asker: Looking) -> Canaries:
        return sidecar.for_person(asker.token).call("coordinator", "canaries", None, Canaries)

    @api.post("/canaries/{app_id}")
    def give(app_id: str, wanted: ShareWanted, asker: Steering) -> CanaryView:
        path = f"canaries/{quote(app_id, safe='')}"
        return sidecar.for_person(asker.token).call("coordinator", path, wanted, CanaryView)
