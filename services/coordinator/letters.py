"""Dead letters: each is kept once, comes on record in the audit, and may be taken in again."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select

from quartet.contracts.audit import Act, Noted
from quartet.contracts.base import Digest, Fields
from quartet.contracts.event import DeadLetter
from quartet.contracts.failure import Failure
from quartet.contracts.view import Done
from quartet.resilience.failures import Abandon, Failing
from quartet.service.events import SUCCESS
from quartet.service.log import get_logger
from quartet.sidecar.ports import Invoker
from quartet.trust.digest import digest
from services.coordinator.store import TaskStore
from services.coordinator.tables import DeadLetterRow
from services.coordinator.views import letter_of

NOT_HANDLED = Failure(
    title="NotHandled",
    detail="No subscriber could handle the event, however often it was delivered.",
    cause="tool",
    advice="retry-later",
)
RECORD_TIMEOUT_S = 5.0
PAGE = 100
log = get_logger("coordinator.letters")


class UnknownLetter(Abandon):
    """There is no dead letter of this id."""

    status = 404


@dataclass(frozen=True)
class Letters:
    """Hears what could not be handled; ``take`` is the intake that gets an event again."""

    store: TaskStore
    invoker: Invoker
    take: Callable[[bytes], str | None]

    def hear(self, topic: str, event: dict[str, Any]) -> dict[str, str]:
        """Keep a dead letter of a topic: ours with its reason, or a sidecar's after its tries.

        The record in the audit is owed until the toolbox has it; the sweep sees to that.
        """
        letter = _letter(topic, event)
        kept = self._keep(letter)
        try:
            self._record(kept, letter)
        except Failing as error:
            log.warning("a refused event is not on record yet: %s", error.failure.detail)
        return SUCCESS

    def record_owed(self, _: datetime) -> None:
        """Put on record what is not yet, the oldest first: a duty of the sweep.

        Raises RetryLater while the toolbox is away.
        """
        with self.store.reading() as session:
            owed = select(DeadLetterRow).where(DeadLetterRow.recorded.is_(False))
            rows = session.scalars(owed.order_by(DeadLetterRow.at).limit(PAGE))
            letters = [(row.id, letter_of(row)) for row in rows]
        for kept, letter in letters:
            try:
                self._record(kept, letter)
            except Failing as error:
                if error.failure.advice in ("retry-now", "retry-later"):
                    raise
                log.warning("dead letter %s is not recorded: %s", kept, error.failure.detail)

    def replay(self, letter: str) -> Done:
        """Take the event of a dead letter in again; raises what is still wrong with it."""
        with self.store.reading() as session:
            row = session.get(DeadLetterRow, letter)
            if row is None:
                says = f"There is no dead letter {letter!r}. GET dead-letters shows them."
                raise UnknownLetter(says, cause="data")
            topic, body = row.topic, row.body
        if topic != "task-submitted":
            says = f"Only task-submitted is replayed; a task's own sweep repeats {topic}."
            raise Abandon(says, cause="data", title="NotReplayable")
        task = self.take(body.encode())
        with self.store.transaction() as session:
            session.get_one(DeadLetterRow, letter).replayed = datetime.now(UTC)
        return Done(says=f"{topic}: taken in as {task}" if task else f"{topic}: known already")

    def _keep(self, letter: DeadLetter) -> Digest:
        """Keep a dead letter and return its id; the same one again is kept once."""
        named = digest({"topic": letter.topic, "body": letter.body})
        with self.store.transaction() as session:
            if session.get(DeadLetterRow, named) is None:
                session.add(
                    DeadLetterRow(
                        id=named,
                        topic=letter.topic,
                        reason=letter.reason.model_dump(mode="json"),
                        body=letter.body,
                        at=datetime.now(UTC),
                        recorded=False,
                    )
                )
        return named

    def _record(self, kept: Digest, letter: DeadLetter) -> None:
        """Put an event that was refused on record, by digest; the toolbox takes the same once."""
        body: Fields = {
            "topic": letter.topic,
            "event": digest(letter.body.encode()),
            "failure": letter.reason.model_dump(mode="json", exclude={"after_s"}),
        }
        act = Act(id=f"dead-{digest(body)[7:]}", kind="event-refused", body=body)
        self.invoker.call("toolbox", "record", act, Noted, RECORD_TIMEOUT_S)
        with self.store.transaction() as session:
            session.get_one(DeadLetterRow, kept).recorded = True


def _letter(topic: str, event: dict[str, Any]) -> DeadLetter:
    try:
        letter = DeadLetter.model_validate(event.get("data"))
        return letter.model_copy(update={"topic": topic})
    except ValidationError:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return DeadLetter(topic=topic, reason=NOT_HANDLED, body=json.dumps(event), at=at)
