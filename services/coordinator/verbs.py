"""The coordinator's verbs for people, whom the console passes on; each is verified here again."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI

from quartet.contracts.audit import Acknowledgement, AuditState, Checkpoints
from quartet.contracts.base import Name
from quartet.contracts.canary import Canaries, CanaryView, ShareWanted
from quartet.contracts.person import Person
from quartet.contracts.story import TaskIntent
from quartet.contracts.token import TokenGiven, TokenWanted
from quartet.contracts.view import DeadLetters, Done, Owners, TaskIds, TaskList, TaskView, Why
from quartet.resilience.failures import Abandon
from quartet.service.people import need, need_suite, person_of
from services.coordinator import views
from services.coordinator.canaries import Shares
from services.coordinator.intent import intent
from services.coordinator.notary import Notary
from services.coordinator.store import TaskStore
from services.coordinator.tokens import Tokens

Asking = Annotated[Person, Depends(person_of)]


def serve_tasks(app: FastAPI, store: TaskStore) -> None:
    """Add the verbs on tasks: each person's own, by role and tenant."""

    @app.get("/callers/{caller}/tasks")
    def tasks(
        person: Asking, batch: str | None = None, state: str | None = None, most: int = 200
    ) -> TaskList:
        wanted = views.Wanted(batch, state, most)
        with store.reading() as session:
            return TaskList(tasks=tuple(views.task_views(session, wanted, person)))

    @app.get("/callers/{caller}/tasks/{task}")
    def task(task: str, person: Asking) -> TaskView:
        with store.reading() as session:
            return views.task_view(session, task, person)

    @app.get("/callers/{caller}/tasks/{task}/intent")
    def task_intent(task: str, person: Asking) -> TaskIntent:
        with store.reading() as session:
            return intent(session, views.seen(session, task, person))

    @app.post("/callers/{caller}/tasks/{task}/cancel")
    def cancel(task: str, why: Why, person: Asking) -> Done:
        with store.reading() as session:
            if views.seen(session, task, person).requester != person.name:
                need(person, "operator")
        said = f"cancelled by {person.name}: {why.why or 'no reason given'}"
        if not store.ask_stop(task, said):
            says = f"Task {task} has ended; there is nothing to cancel."
            raise Abandon(says, cause="data", title="NothingToCancel")
        return Done(says=f"{task} is being cancelled")

    @app.post("/callers/{caller}/owners")
    def owners(asked: TaskIds) -> Owners:
        with store.reading() as session:
            return views.owners(session, asked.tasks)


def serve_tokens(app: FastAPI, tokens: Tokens) -> None:
    """Add the verb of agents: a token for the live step that the caller works on."""

    @app.post("/callers/{caller}/tokens")
    def token(caller: Name, wanted: TokenWanted) -> TokenGiven:
        return tokens.give(caller, wanted)


def serve_canaries(app: FastAPI, shares: Shares) -> None:
    """Add the verbs on canaries, which take tasks of every tenant."""

    @app.get("/callers/{caller}/canaries")
    def canaries(person: Asking) -> Canaries:
        need_suite(person, "operator", "auditor")
        return shares.shown()

    @app.post("/callers/{caller}/canaries/{app_id}")
    def give(app_id: str, wanted: ShareWanted, person: Asking) -> CanaryView:
        need_suite(person, "operator")
        return shares.give(app_id, wanted, person.name)


def serve_letters(app: FastAPI, store: TaskStore, replayed: Callable[[str], Done]) -> None:
    """Add the verbs on dead letters, which belong to no tenant."""

    @app.get("/callers/{caller}/dead-letters")
    def dead_letters(person: Asking, most: int = 100) -> DeadLetters:
        need_suite(person, "operator")
        with store.reading() as session:
            return DeadLetters(letters=tuple(views.dead_letters(session, most)))

    @app.post("/callers/{caller}/dead-letters/{letter}/replay")
    def replay(letter: str, person: Asking) -> Done:
        need_suite(person, "operator")
        return replayed(letter)


def serve_audit(app: FastAPI, notary: Notary) -> None:
    """Add the verbs on the audit, which is the whole suite's."""

    @app.get("/callers/console/audit")
    def audit(person: Asking) -> AuditState:
        need_suite(person, "auditor")
        return notary.state()

    @app.post("/callers/console/audit/attest")
    def attest(person: Asking) -> AuditState:
        need_suite(person, "auditor")
        notary.attest_now(datetime.now(UTC))
        return notary.state()

    @app.get("/callers/console/audit/checkpoints/{after}")
    def checkpoints(after: int, person: Asking) -> Checkpoints:
        need_suite(person, "auditor")
        return notary.page(after)

    @app.post("/callers/console/audit/acknowledge")
    def acknowledge(sent: Acknowledgement, person: Asking) -> AuditState:
        need(person, "admin")
        return notary.acknowledge(person.name, sent.why)
