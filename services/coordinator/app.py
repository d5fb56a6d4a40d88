"""The coordinator's app: subscriptions, the verbs of the console, and what runs beside them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dapr.ext.fastapi import DaprApp
from fastapi import FastAPI
from joserfc.jwk import KeySetSerialization
from pydantic import ValidationError

from quartet.contracts.approval import ApprovalDecided
from quartet.contracts.event import TOPICS, dead
from quartet.contracts.work import Verdict
from quartet.durable.client import Workflows
from quartet.durable.host import Host
from quartet.durable.seal import Seal
from quartet.packs.load import Pack, load
from quartet.resilience.failures import Abandon, Failing
from quartet.service.database import connect, migrate
from quartet.service.events import RETRY, SUCCESS, Hearing, bury, listen
from quartet.service.log import get_logger
from quartet.service.settings import Settings, from_environment
from quartet.service.web import build_app, serve
from quartet.sidecar.client import Sidecar
from quartet.sidecar.ports import Invoker, Publisher
from quartet.trust.chain import check, verdict_statement
from quartet.trust.keys import Keyring, Signer
from quartet.trust.signing import NotGenuine
from services.coordinator.activities import TaskSteps
from services.coordinator.canaries import Shares
from services.coordinator.closing import Closer
from services.coordinator.decisions import Wakings
from services.coordinator.intake import Intake, unwrapped
from services.coordinator.letters import Letters
from services.coordinator.lost import Lost
from services.coordinator.messages import (
    CLAIM_TASK,
    CLOSE_SUBTASK,
    FINISH_TASK,
    RECORD_RESULT,
    REGISTER_PLAN,
    RUN_SUBTASK,
    RUN_TASK,
)
from services.coordinator.notary import Notary
from services.coordinator.outside import Outside
from services.coordinator.pausing import Pauses
from services.coordinator.store import TaskStore
from services.coordinator.sweep import Sweep
from services.coordinator.tokens import Tokens
from services.coordinator.verbs import (
    serve_audit,
    serve_canaries,
    serve_letters,
    serve_tasks,
    serve_tokens,
)
from services.coordinator.workflow import TaskWorkflows

MIGRATIONS = Path(__file__).parent / "migrations"
log = get_logger("coordinator")


class Coordinator:
    """The parts of the service, composed once; tests compose it with other ports."""

    def __init__(
        self, settings: Settings, invoker: Invoker, publisher: Publisher, signer: Signer
    ) -> None:
        """Take the settings, the sidecar's ports and its signer; migrates the task store."""
        self.settings, self.publisher, self.invoker = settings, publisher, invoker
        self.pack: Pack = load(settings.pack, settings.canaries)
        url = settings.database("tasks")
        migrate(url, MIGRATIONS)
        self.store = TaskStore(connect(url))
        seal = Seal(settings.app_token)
        self.workflows = Workflows(settings.dapr_grpc_port, seal)
        self.keyring = Keyring(settings.service_keys)
        self.hearing = Hearing(self.keyring, invoker, publisher)
        self.shares = Shares(self.pack, self.store, invoker)
        self.shares.forget_undeclared()
        self.tokens = Tokens(self.pack, self.store, signer)
        self.closer = Closer(self.pack, self.store, invoker)
        self.steps = TaskSteps(
            pack=self.pack,
            store=self.store,
            invoker=invoker,
            publisher=publisher,
            terminate=self.workflows.terminate,
            signer=signer,
            keyring=self.keyring,
        )
        self.intake = Intake(
            self.pack, self.store, invoker, self._keys, self.workflows.schedule, self.keyring
        )
        self.letters = Letters(self.store, invoker, lambda raw: self.intake.take(raw))
        self.wakings = Wakings(self.store, self.workflows, invoker)
        self.notary = Notary(self.store, invoker, signer.sign, Outside(settings.checkpoints_file))
        self.sweep = Sweep(
            self.store,
            self.workflows,
            publisher,
            self.steps.finish_task,
            Lost(self.store, self.workflows, invoker),
            record=self.notary.record,
            more=(
                Pauses(self.store, invoker).give_time,
                self.wakings.read_decisions,
                self.wakings.wake_decided,
                self.letters.record_owed,
                self.notary.attest,
            ),
        )
        self.host = Host(settings.dapr_grpc_port, seal)
        self._register(TaskWorkflows(self.pack))

    def _register(self, workflows: TaskWorkflows) -> None:
        self.host.workflow(RUN_TASK, workflows.run_task)
        self.host.workflow(RUN_SUBTASK, workflows.run_subtask)
        self.host.activity(CLAIM_TASK, self.steps.claim_task)
        self.host.activity(REGISTER_PLAN, self.steps.register_plan)
        self.host.activity(RECORD_RESULT, self.steps.record_result)
        self.host.activity(CLOSE_SUBTASK, self.closer.close_subtask)
        self.host.activity(FINISH_TASK, self.steps.finish_task)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Work until the block ends."""
        with self.host.running(), self.sweep.running():
            yield
        self.notary.attest_last()
        self.workflows.close()

    def _keys(self) -> KeySetSerialization:
        path = self.settings.data / "trust" / "clients.jwks.json"
        keys: KeySetSerialization = json.loads(path.read_text(encoding="utf-8"))
        return keys

    def submitted(self, delivered: dict[str, Any]) -> dict[str, str]:
        """Take a raw stream entry; what can not be accepted becomes a dead letter."""
        try:
            raw = unwrapped(delivered)
            self.intake.take(raw)
        except Failing as error:
            if error.failure.advice in ("retry-now", "retry-later"):
                log.warning("task-submitted waits: %s", error.failure.detail)
                return RETRY
            bury(self.publisher, "task-submitted", error, raw_of(delivered))
        return SUCCESS

    def reviewed(self, event: dict[str, Any]) -> dict[str, str]:
        """Keep a verdict that the critic signed, and wake the subtask that waits for it."""
        try:
            verdict = Verdict.model_validate(event.get("data"))
            check(self.keyring, verdict.signature, verdict_statement(verdict), "critic")
            instance = self.store.keep_verdict(verdict)
        except NotGenuine as error:
            return self.hearing.refuse("subtask-reviewed", event, f"its verdict: {error}")
        except (ValidationError, Abandon) as error:
            bury(self.publisher, "subtask-reviewed", error, json.dumps(event))
        else:
            if instance:
                self.workflows.wake(instance, f"reviewed-{verdict.attempt}")
        return SUCCESS

    def decided(self, event: dict[str, Any]) -> dict[str, str]:
        """Wake the subtask that waits for the decision of an approval."""
        try:
            decided = ApprovalDecided.model_validate(event.get("data"))
        except (ValidationError, Abandon) as error:
            bury(self.publisher, "approval-decided", error, json.dumps(event))
        else:
            self.wakings.hear(decided)
        return SUCCESS


def build(coordinator: Coordinator) -> FastAPI:
    """Return the app of a composed coordinator."""
    pack = coordinator.pack
    app = build_app(coordinator.settings, pack.manifest, coordinator.running)
    dapr = DaprApp(app)
    listen(dapr, "task-submitted", coordinator.submitted, raw=True)
    coordinator.hearing.listen(dapr, "subtask-reviewed", coordinator.reviewed)
    coordinator.hearing.listen(dapr, "approval-decided", coordinator.decided)
    for topic in TOPICS:
        listen(dapr, dead(topic), partial(coordinator.letters.hear, topic))
    serve_tasks(app, coordinator.store)
    serve_audit(app, coordinator.notary)
    serve_letters(app, coordinator.store, coordinator.letters.replay)
    serve_tokens(app, coordinator.tokens)
    serve_canaries(app, coordinator.shares)
    return app


def raw_of(delivered: dict[str, Any]) -> str:
    """Return what was delivered as text, for people who look at a dead letter."""
    try:
        return unwrapped(delivered).decode("utf-8", "replace")
    except Failing:
        return json.dumps(delivered)


def main() -> None:
    """Serve beside the sidecar."""
    settings = from_environment()
    sidecar = Sidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
    coordinator = Coordinator(settings, sidecar, sidecar, sidecar.signer)
    serve(build(coordinator), settings)


if __name__ == "__main__":
    main()
