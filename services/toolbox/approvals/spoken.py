"""Decisions that a registered sender signed for a person: verified here, each taken once."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from fastapi import FastAPI
from joserfc.jwk import KeySetSerialization
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from quartet.contracts.approval import ApprovalDecision, SignedDecision
from quartet.contracts.base import Fields
from quartet.contracts.view import Done
from quartet.resilience.failures import Abandon, RetryLater
from quartet.trust.digest import digest
from quartet.trust.signing import NotGenuine
from quartet.trust.speaking import Spoken, spoken
from services.toolbox.approvals.deciding import decide
from services.toolbox.approvals.refusals import Refusals
from services.toolbox.approvals.rules import Rules
from services.toolbox.ledger import Entry, Ledger
from services.toolbox.tables import Base


class SpokenRow(Base):
    """A message of a sender that was taken; it is not taken again."""

    __tablename__ = "spoken_decisions"
    sender: Mapped[str] = mapped_column(String(200), primary_key=True)
    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    at: Mapped[datetime]


class NotTaken(Abandon):
    """A signed decision stands for nothing here."""

    status: ClassVar[int | None] = 401


class Replayed(Abandon):
    """A signed decision was taken before."""

    status: ClassVar[int | None] = 409


def serve_spoken(
    app: FastAPI, ledger: Ledger, keys: Path, rules: Rules, poke: Callable[[], None]
) -> None:
    """Add the verb; ``keys`` is the JWKS of senders, read again each time."""
    refusals = Refusals()

    @app.post("/callers/console/signed-decisions")
    def take(sent: SignedDecision) -> Done:
        said = _genuine(ledger, sent, keys, refusals)
        _once(ledger, said, refusals)
        wanted = said.decision.model_dump(include=set(ApprovalDecision.model_fields))
        decision = ApprovalDecision.model_validate(wanted)
        view = decide(ledger, said.decision.approval, decision, said.person, rules)
        poke()
        return Done(says=f"approval {view.id} is {view.state}")


def _genuine(ledger: Ledger, sent: SignedDecision, keys: Path, refusals: Refusals) -> Spoken:
    with ledger.read() as entry:
        now = entry.now
    try:
        return spoken(sent.jws, _known(keys), now)
    except NotGenuine as error:
        says = f"The signed decision is not taken: {error}."
        body: Fields = {"digest": digest(sent.jws.encode("utf-8", "replace")), "why": str(error)}
        with ledger.write() as entry:
            refusals.record(entry, body)
        raise NotTaken(says, cause="policy", title="NotGenuine") from error


def _once(ledger: Ledger, said: Spoken, refusals: Refusals) -> None:
    """Take a message's id for good, before anything is decided; raises Replayed."""

    def taken(entry: Entry) -> bool:
        if entry.session.get(SpokenRow, (said.sender, said.decision.id)) is not None:
            body: Fields = {"sender": said.sender, "id": said.decision.id, "why": "it was used"}
            refusals.record(entry, body)
            return False
        entry.session.add(SpokenRow(sender=said.sender, id=said.decision.id, at=entry.now))
        body = {
            "sender": said.sender,
            "id": said.decision.id,
            "person": said.person.name,
            "approval": said.decision.approval,
        }
        entry.record("console", "decision-received", None, body)
        return True

    if not ledger.settled(taken):
        says = f"Message {said.decision.id!r} was taken before. Sign a new one, with a new id."
        raise Replayed(says, cause="policy")


def _known(path: Path) -> KeySetSerialization:
    """Return the senders' keys: none without the file; raises RetryLater when it is broken."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        return {"keys": list(found["keys"])}
    except FileNotFoundError:
        return {"keys": []}
    except (OSError, ValueError, KeyError, TypeError) as error:
        says = f"The senders' keys cannot be read ({type(error).__name__}): nobody may speak now."
        raise RetryLater(says, cause="policy", title="SendersUnknown") from error
