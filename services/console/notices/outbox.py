"""What people have to be told, kept until it is: each message once, under an id that stays."""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from quartet.contracts.approval import ApprovalDecided, ApprovalRequested
from quartet.contracts.base import Fields
from quartet.contracts.person import People
from quartet.resilience.backoff import Backoff
from quartet.service.database import told
from services.console.notices.routing import Notices
from services.console.notices.tables import LeaseRow, NoticeRow, WaitingRow

LEASE = timedelta(seconds=30)
PATIENCE = Backoff(first=5.0, most=900.0, attempts=120)
"""About a day and a half."""
PAGE = 50


@dataclass(frozen=True)
class Notice:
    """A message to one target."""

    id: str
    kind: str
    channel: str
    target: str
    about: Fields


class Outbox:
    """The console's database; every method is one transaction, and time is an argument."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine of a migrated database."""
        self._engine = engine
        self._writer: AbstractContextManager[object] = nullcontext()
        if engine.dialect.name == "sqlite":
            self._writer = Lock()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with (
            told("notices", "NoticesAway"),
            self._writer,
            Session(self._engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def asked(self, one: ApprovalRequested, to: Notices, people: People, now: datetime) -> None:
        """Keep that an approval waits, and whom to tell; again only when another group is asked."""
        with self._transaction() as session:
            row = session.get(WaitingRow, one.approval)
            if row is None:
                row = WaitingRow(approval=one.approval, expires_at=one.expires_at, asked={})
                session.add(row)
                kind = "asked"
            elif row.state or row.asked.get("group") == one.group:
                return
            else:
                row.reassigned += 1
                kind = f"asked-{row.reassigned}"
            row.asked = one.model_dump(mode="json")
            row.remind_at = now + timedelta(seconds=to.remind_after_s)
            _tell(session, one, kind, to, people, now)

    def decided(self, end: ApprovalDecided, to: Notices, people: People, now: datetime) -> None:
        """Keep that an approval is decided, and tell who was asked; the first end counts."""
        with self._transaction() as session:
            row = session.get(WaitingRow, end.approval)
            if row is None:
                session.add(WaitingRow(approval=end.approval, asked={}, state=end.state))
                return
            if row.state:
                return
            row.state, row.remind_at = end.state, None
            one = ApprovalRequested.model_validate(row.asked)
            _tell(session, one, end.state, to, people, now)

    def remind(self, to: Notices, people: People, now: datetime) -> int:
        """Make the reminders that are due; what has expired meanwhile is left alone."""
        with self._transaction() as session:
            rows = session.scalars(select(WaitingRow).where(WaitingRow.remind_at <= now)).all()
            for row in rows:
                if row.expires_at is not None and row.expires_at <= now:
                    row.remind_at = None
                    continue
                row.reminders += 1
                row.remind_at = now + timedelta(seconds=to.remind_after_s)
                one = ApprovalRequested.model_validate(row.asked)
                _tell(session, one, f"reminder-{row.reminders}", to, people, now)
            return len(rows)

    def due(self, now: datetime) -> tuple[Notice, ...]:
        """Return what has to be sent, the longest due first."""
        query = select(NoticeRow).where(NoticeRow.due_at <= now).order_by(NoticeRow.due_at)
        with self._transaction() as session:
            return tuple(
                Notice(row.id, row.kind, row.channel, row.target, row.about)
                for row in session.scalars(query.limit(PAGE))
            )

    def sent(self, notice: Notice, now: datetime) -> None:
        """Note that a message has been taken."""
        with self._transaction() as session:
            row = session.get_one(NoticeRow, notice.id)
            row.sent_at, row.due_at, row.error = now, None, ""

    def failed(self, notice: Notice, why: str, now: datetime, draw: float) -> bool:
        """Note that a message was not taken; return whether it will be tried again."""
        with self._transaction() as session:
            row = session.get_one(NoticeRow, notice.id)
            row.failures, row.error = row.failures + 1, why[:500]
            again = not PATIENCE.spent(row.failures)
            wait = timedelta(seconds=PATIENCE.wait(row.failures, draw))
            row.due_at = now + wait if again else None
            return again

    def leased(self, owner: str, now: datetime) -> bool:
        """Return whether this replica sends now; the lease is taken or made longer."""
        try:
            with self._transaction() as session:
                row = session.get(LeaseRow, "notices", with_for_update=True)
                if row is None:
                    session.add(LeaseRow(name="notices", owner=owner, until=now + LEASE))
                    return True
                if row.owner != owner and row.until > now:
                    return False
                row.owner, row.until = owner, now + LEASE
                return True
        except IntegrityError:
            return False


def _tell(  # noqa: PLR0913 - what is told, of what, to whom, when
    session: Session,
    one: ApprovalRequested,
    kind: str,
    to: Notices,
    people: People,
    now: datetime,
) -> None:
    about: Fields = {
        **one.model_dump(mode="json", include=ABOUT),
        "state": "waiting" if kind.startswith(("asked", "reminder")) else kind,
    }
    for channel, target in to.targets(one, people):
        named = f"{one.approval}/{kind}/{channel}/{target}"
        session.add(
            NoticeRow(
                id=f"n-{hashlib.sha256(named.encode()).hexdigest()[:32]}",
                approval=one.approval,
                kind=kind,
                channel=channel,
                target=target,
                about=about,
                made_at=now,
                due_at=now,
            )
        )


ABOUT = {"approval", "task", "tool", "tier", "group", "requester", "tenant", "expires_at"}
"""What a notice says of an approval: neither its effect, nor an amount, nor an account."""
