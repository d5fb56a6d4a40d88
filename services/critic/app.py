"""The critic's app: reviews what ``subtask-completed`` names, as a workflow of its own."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

from dapr.ext.fastapi import DaprApp
from fastapi import FastAPI
from pydantic import ValidationError

from quartet.contracts.work import ReviewOrder
from quartet.durable.client import Workflows
from quartet.durable.host import Host
from quartet.durable.ports import Engine
from quartet.packs.load import Pack, load
from quartet.resilience.failures import Abandon
from quartet.service.events import SUCCESS, Hearing, bury
from quartet.service.settings import Settings, from_environment
from quartet.service.web import build_app, serve
from quartet.sidecar.client import Sidecar, SidecarState
from quartet.trust.keys import Keyring
from services.critic.activities import Critic, check_order, key_of
from services.critic.messages import GIVE_UP, REVIEW_SUBTASK, TAKE_REVIEW_TURN
from services.critic.workflow import review_subtask


class Reviews:
    """Starts a review for each event, unless that review is under way."""

    def __init__(self, workflows: Engine, hearing: Hearing, pack: Pack) -> None:
        """Take the workflow engine, what it hears with, and the pack."""
        self._workflows, self._hearing, self._pack = workflows, hearing, pack

    def completed(self, event: dict[str, Any]) -> dict[str, str]:
        """Take a ``subtask-completed`` event; a repeated one changes nothing."""
        try:
            order = ReviewOrder.model_validate(event.get("data"))
            check_order(order, self._pack, self._hearing.keyring)
        except (ValidationError, Abandon) as error:
            bury(self._hearing.publisher, "subtask-completed", error, json.dumps(event))
            return SUCCESS
        instance = f"review.{key_of(order)}"
        seen = self._workflows.seen(instance)
        stuck = seen.stuck(datetime.now(UTC))
        if stuck:
            self._workflows.terminate(instance)
        if seen.status == "broken" or stuck:
            # Its id is lost; two reviews do no harm, since the first verdict stored is the one.
            instance = f"{instance}.{secrets.token_hex(3)}"
        if seen.status != "live" or stuck:
            self._workflows.schedule(REVIEW_SUBTASK.name, instance, order)
        return SUCCESS


def build(settings: Settings, sidecar: Sidecar) -> FastAPI:
    """Return the app of the critic."""
    pack = load(settings.pack, settings.canaries)
    critic = Critic(
        pack=pack,
        invoker=sidecar,
        publisher=sidecar,
        conversations=SidecarState(sidecar, "conversations"),
        verdicts=SidecarState(sidecar, "verdicts"),
        signer=sidecar.signer,
    )
    host = Host(settings.dapr_grpc_port)
    host.workflow(REVIEW_SUBTASK, review_subtask)
    host.activity(TAKE_REVIEW_TURN, critic.take_review_turn)
    host.activity(GIVE_UP, critic.give_up)
    app = build_app(settings, pack.manifest, host.running)
    hearing = Hearing(Keyring(settings.service_keys), sidecar, sidecar)
    reviews = Reviews(Workflows(settings.dapr_grpc_port), hearing, pack)
    hearing.listen(DaprApp(app), "subtask-completed", reviews.completed)
    return app


def main() -> None:
    """Serve beside the sidecar."""
    settings = from_environment()
    sidecar = Sidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
    serve(build(settings, sidecar), settings)


if __name__ == "__main__":
    main()
