"""The planner's app: a workflow worker beside its sidecar; what it does lives in activities."""

from fastapi import FastAPI

from quartet.contracts.remote import DRAFT_PLAN, REVISE_PLAN, SYNTHESIZE
from quartet.durable.host import Host
from quartet.packs.load import load
from quartet.service.settings import Settings, from_environment
from quartet.service.web import build_app, serve
from quartet.sidecar.client import Sidecar
from quartet.sidecar.ports import Invoker
from services.planner.activities import Planner


def build(settings: Settings, invoker: Invoker) -> FastAPI:
    """Return the app of the planner."""
    pack = load(settings.pack, settings.canaries)
    planner = Planner(pack, invoker)
    host = Host(settings.dapr_grpc_port)
    host.activity(DRAFT_PLAN, planner.draft_plan)
    host.activity(REVISE_PLAN, planner.draft_plan)
    host.activity(SYNTHESIZE, planner.synthesize)
    return build_app(settings, pack.manifest, host.running)


def main() -> None:
    """Serve beside the sidecar."""
    settings = from_environment()
    sidecar = Sidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
    serve(build(settings, sidecar), settings)


if __name__ == "__main__":
    main()
