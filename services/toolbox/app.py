"""The toolbox's HTTP routes and how the service is put together; what they do lives beside it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Protocol

from fastapi import Depends, FastAPI

from quartet.contracts.audit import Act, AuditGrowth, AuditRoot, Noted
from quartet.contracts.base import Fields, Json, Name, TaskId, ValueId
from quartet.contracts.effect import (
    Commit,
    Outcome,
    Registered,
    Registration,
    Settled,
    Settlement,
    StoredValue,
    ToolAnswer,
    ToolCall,
    Undo,
    Undone,
)
from quartet.contracts.person import Person
from quartet.contracts.story import TaskStory
from quartet.packs.load import Pack, load
from quartet.resilience.failures import Failing
from quartet.service.people import need_suite, person_of
from quartet.service.settings import Settings, from_environment
from quartet.service.tokens import TxnToken
from quartet.service.web import build_app, serve
from quartet.sidecar.client import Sidecar
from quartet.sidecar.ports import Publisher
from quartet.trust.keys import Keyring
from services.toolbox import compensation, documents, plans, reading, values
from services.toolbox.approvals.rounds import Rounds
from services.toolbox.approvals.routes import APPROVALS, Approvals, serve_approvals
from services.toolbox.approvals.spoken import serve_spoken
from services.toolbox.audit import sequence
from services.toolbox.audit.acts import note
from services.toolbox.audit.story import check_seen, story
from services.toolbox.budgets import ending
from services.toolbox.budgets.routes import raised, serve_budgets
from services.toolbox.budgets.sweep import closing
from services.toolbox.chain import check_registration
from services.toolbox.commit import commit
from services.toolbox.governance import Governance
from services.toolbox.jobs import Scheduler, registered
from services.toolbox.ledger import Entry, Ledger, open_ledger
from services.toolbox.operations import TOOLBOX, By, operate, roles_for
from services.toolbox.policy.live import Policies
from services.toolbox.refusals import NotThere
from services.toolbox.tokens import Held


class Ports(Scheduler, Publisher, Protocol):
    """What the toolbox asks of its sidecar."""


def governed(settings: Settings, pack: Pack, approvals: Approvals = APPROVALS) -> Governance:
    """Return what governs a toolbox; raises BadPolicy for no policy, or one that fits not."""
    policies = Policies(pack, settings.policy, settings.policy_mode)
    return Governance(policies, Keyring(settings.service_keys), approvals.rules)


def build(
    settings: Settings,
    governance: Governance,
    ledger: Ledger,
    sidecar: Ports,
    approvals: Approvals = APPROVALS,
) -> FastAPI:
    """Return the app over an open ledger; jobs are registered, rounds made while it serves."""
    policies = governance.policies
    pack = policies.pack
    rounds = Rounds(ledger, sidecar, every_s=approvals.round_every_s)

    @contextmanager
    def running() -> Iterator[None]:
        policies.started(ledger)
        for name in pack.manifest.at_start:
            operate(ledger, pack, TOOLBOX, name, {})
        with registered(pack.manifest.jobs, sidecar), rounds.running(), closing(ledger):
            yield
        ledger.close()

    app = build_app(settings, pack.manifest, running)
    _coordinator_routes(app, governance, ledger, rounds)
    tokens = governance.tokens(ledger)
    _value_routes(app, pack, ledger, tokens)
    _audit_routes(app, pack, ledger)
    serve_approvals(app, ledger, approvals, rounds)
    senders = settings.data / "trust" / "webhooks.jwks.json"
    serve_spoken(app, ledger, senders, approvals.rules, rounds.poke)
    serve_budgets(app, pack, ledger, tokens)

    @app.post("/callers/console/operations/{name}")
    def operation(name: str, sent: Fields, person: Annotated[Person, Depends(person_of)]) -> Json:
        need_suite(person, *roles_for(name))
        return operate(ledger, pack, By("console", person.name), name, sent)

    @app.post("/job/{name}")
    def job(name: str) -> Json:
        found = next((j for j in pack.manifest.jobs if j.name == name), None)
        if found is None:
            raise NotThere(f"There is no job {name[:40]!r}.", "NoSuchJob")
        return operate(ledger, pack, TOOLBOX, found.operation, {})

    return app


def _coordinator_routes(
    app: FastAPI, governance: Governance, ledger: Ledger, rounds: Rounds
) -> None:
    pack = governance.policies.pack

    @app.post("/callers/coordinator/plans")
    def register_plan(sent: Registration) -> Registered:
        check_registration(governance.keyring, sent)
        plans.check_agents(sent, pack)
        return ledger.settled(lambda entry: plans.register(entry, sent))

    @app.post("/callers/coordinator/commit")
    def commit_proposal(sent: Commit) -> Outcome:
        outcome = commit(ledger, governance, sent)
        if outcome.status == "held":
            rounds.poke()
        return outcome

    @app.post("/callers/coordinator/compensate")
    def compensate(sent: Undo) -> Undone:
        return ledger.settled(lambda entry: compensation.compensate(entry, pack, sent))


def _value_routes(app: FastAPI, pack: Pack, ledger: Ledger, tokens: Held) -> None:
    @app.post("/callers/{caller}/tools/{name}")
    def call_tool(caller: Name, name: str, sent: ToolCall, txn_token: TxnToken = "") -> ToolAnswer:
        tokens.for_tool(txn_token, caller, sent, name)
        return reading.call(ledger, pack, caller, name, sent)

    @app.get("/callers/{caller}/values/{task}/{value}")
    def show_value(caller: Name, task: TaskId, value: str, txn_token: TxnToken = "") -> StoredValue:
        tokens.for_task(txn_token, caller, task)
        with ledger.read() as entry:
            return values.find(entry, caller, task, value)

    @app.post("/callers/{caller}/settle")
    def settle(caller: Name, sent: Settlement, txn_token: TxnToken = "") -> Settled:
        tokens.for_settlement(txn_token, caller, sent)

        def kept(entry: Entry) -> ValueId | Failing:
            refused = documents.refusal(entry, pack, sent.tool, sent)
            if refused is not None:
                return refused
            value = values.keep(entry, pack, caller, sent)
            ending.settle(entry, caller, sent)
            return value

        return Settled(value=raised(ledger.settled(kept)))


def _audit_routes(app: FastAPI, pack: Pack, ledger: Ledger) -> None:
    @app.get("/callers/console/tasks/{task}/story")
    def task_story(task: TaskId, person: Annotated[Person, Depends(person_of)]) -> TaskStory:
        with ledger.read() as entry:
            check_seen(entry.session, task, person)
            return story(entry.session, pack, task)

    @app.post("/callers/{caller}/record")
    def record(caller: Name, act: Act) -> Noted:
        return ledger.settled(lambda entry: note(entry, caller, act))

    @app.get("/callers/coordinator/audit/root")
    def audit_root() -> AuditRoot:
        with ledger.read() as entry:
            return sequence.root(entry.session)

    @app.get("/callers/coordinator/audit/growth/{old}")
    def audit_growth(old: int) -> AuditGrowth:
        with ledger.read() as entry:
            return sequence.growth(entry.session, old)


def main() -> None:
    """Serve the toolbox of this process's environment; exits with one line when it cannot."""
    settings = from_environment()
    files = settings.data / "toolbox" / "payments"
    files.mkdir(parents=True, exist_ok=True)
    try:
        pack = load(settings.pack, settings.canaries)
        ledger = open_ledger(settings.database("ledger"), files, pack, suite=settings.suite)
        sidecar = Sidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
        app = build(settings, governed(settings, pack), ledger, sidecar)
    except Failing as error:
        sys.exit(str(error))
    serve(app, settings)
    sidecar.close()


if __name__ == "__main__":
    main()
