"""The specialist's app: one image, an app-id for each specialist of the pack."""

from fastapi import FastAPI

from quartet.contracts.remote import WORK
from quartet.contracts.work import WorkStatus
from quartet.durable.client import Workflows
from quartet.durable.host import Host
from quartet.packs.load import load
from quartet.service.settings import Settings, from_environment
from quartet.service.web import build_app, serve
from quartet.sidecar.client import Sidecar, SidecarState
from quartet.sidecar.ports import Invoker, StateStore
from quartet.trust.keys import Signer
from services.specialist.activities import Specialist
from services.specialist.workflow import TAKE_TURN, work


def build(
    settings: Settings, invoker: Invoker, conversations: StateStore, signer: Signer
) -> FastAPI:
    """Return the app of one specialist app-id."""
    pack = load(settings.pack, settings.canaries, settings.prompts)
    specialist = Specialist(settings.app_id, pack, invoker, conversations, signer)
    host = Host(settings.dapr_grpc_port)
    host.workflow(WORK, work)
    host.activity(TAKE_TURN, specialist.take_turn)
    app = build_app(settings, pack.manifest, host.running)
    workflows = Workflows(settings.dapr_grpc_port)

    @app.get("/callers/{caller}/work/{instance}")
    def work_status(instance: str) -> WorkStatus:
        seen = workflows.seen(instance)
        return WorkStatus(status=seen.status, moved=seen.moved)

    return app


def main() -> None:
    """Serve beside the sidecar."""
    settings = from_environment()
    sidecar = Sidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
    conversations = SidecarState(sidecar, "conversations")
    serve(build(settings, sidecar, conversations, sidecar.signer), settings)


if __name__ == "__main__":
    main()
