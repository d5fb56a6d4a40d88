"""The critic's app: reviews what ``subtask-completed`` names, as a workflow of its own."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from dapr.ext.fastapi import DaprApp
from fastapi import FastAPI
from pydantic import ValidationError

from quartet.contracts.work import ReviewOrder
from quartet.durable.client import NOT_BEGUN, STUCK, Seen, Workflows
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

MOST = 10
"""Fewer ids than this for the reviews of one result; after the last they go on under that."""


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Reviews:
    """Starts a review for each event, unless that review is under way.

    One that lost a step or its history is followed by another under the next id: the first
    verdict stored is the one that counts, however many reviews there are.
    """

    def __init__(
        self, workflows: Engine, hearing: Hearing, pack: Pack, clock: Callable[[], datetime] = now
    ) -> None:
        """Take the workflow engine, what it hears with, and the pack."""
        self._workflows, self._hearing, self._pack = workflows, hearing, pack
        self._clock = clock
        self._up_since = clock()

    def completed(self, event: dict[str, Any]) -> dict[str, str]:
        """Take a ``subtask-completed`` event; a repeated one changes nothing."""
        try:
            order = ReviewOrder.model_validate(event.get("data"))
            check_order(order, self._pack, self._hearing.keyring)
        except (ValidationError, Abandon) as error:
            bury(self._hearing.publisher, "subtask-completed", error, json.dumps(event))
            return SUCCESS
        if instance := self._to_start(f"review.{key_of(order)}"):
            self._workflows.schedule(REVIEW_SUBTASK.name, instance, order)
        return SUCCESS

    def _to_start(self, name: str) -> str | None:
        """Return the id under which a review is to begin; nothing while the last one lives."""
        over = None
        for number in range(1, MOST):
            instance = name if number == 1 else f"{name}.{number}"
            seen = self._workflows.seen(instance)
            if seen.status == "absent":
                return over or instance
            over = instance if seen.status == "ended" else None
            if seen.status == "live":
                if not self._stuck(seen):
                    return None
                self._workflows.terminate(instance)
        return over

    def _stuck(self, seen: Seen) -> bool:
        """Return whether a review lives and waits for what was lost, not for this very service."""
        moved = max(seen.moved or self._up_since, self._up_since)
        patience = STUCK if seen.moved else STUCK * NOT_BEGUN
        return self._clock() - moved > patience


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
