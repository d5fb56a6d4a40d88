"""The notary: signs how the audit grew, keeps that outside, and stops when history changed."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from quartet.contracts.audit import (
    Act,
    Alarm,
    AuditGrowth,
    AuditState,
    Checkpoint,
    Checkpoints,
    Noted,
    SignedCheckpoint,
)
from quartet.contracts.base import Json
from quartet.resilience.failures import Abandon, Failing
from quartet.service.log import get_logger
from quartet.sidecar.ports import Invoker
from quartet.trust.checkpoints import TYP
from quartet.trust.digest import digest
from quartet.trust.merkle import WIDTH, Tree, consistent
from services.coordinator.outside import Outside
from services.coordinator.store import TaskStore
from services.coordinator.tables import AlarmRow, CheckpointRow

EVERY = timedelta(seconds=10)
NEVER = datetime.min.replace(tzinfo=UTC)
PAGE = 20
"""Checkpoints that are given at a time."""
RECORD_TIMEOUT_S = 5.0
CHANGED = ("AuditShorter", "AuditLost")
"""What the toolbox answers when it no longer has what was signed."""
log = get_logger("coordinator.notary")
Sign = Callable[[Json, str], str]


class Rewritten(Exception):
    """The audit, or the checkpoints of it, are not what was signed; the text says what."""


@dataclass
class Notary:
    """Signs checkpoints with the coordinator's key; ``outside`` is where each goes besides."""

    store: TaskStore
    invoker: Invoker
    sign: Sign
    outside: Outside
    _due: datetime = NEVER
    _one_at_a_time: Lock = field(default_factory=Lock)

    def attest(self, now: datetime) -> None:
        """Sign what is new, if it is time: a duty of the sweep."""
        if now >= self._due:
            self._due = now + EVERY
            self.attest_now(now)

    def attest_now(self, now: datetime) -> None:
        """Sign everything that is new; raises an alarm instead when history has changed."""
        with self._one_at_a_time:
            if self._open_alarm() is not None:
                return
            try:
                if not self._acknowledged():
                    self._compare_outside()
                while self._grown(now):
                    pass
            except Rewritten as change:
                self._raise_alarm(now, str(change))

    def attest_last(self) -> None:
        """Sign what is new before the service stops, if the toolbox is still there."""
        try:
            self.attest_now(datetime.now(UTC))
        except Failing as error:
            log.warning("the last records are not signed yet: %s", error.failure.detail)

    def _grown(self, now: datetime) -> bool:
        """Sign the next page of growth; return whether there is more."""
        last, broken = self._last(), self._acknowledged()
        old = last.size if last and not broken else 0
        try:
            path = f"audit/growth/{old}"
            growth = self.invoker.call("toolbox", path, None, AuditGrowth)
        except Failing as error:
            if error.failure.title in CHANGED:
                raise Rewritten(f"{old} records were signed. {error.failure.detail}") from error
            raise
        before = Tree.packed(last.size, last.peaks) if last and not broken else Tree()
        tree = _checked(before, growth)
        if growth.size > old:
            self._keep(now, tree, growth, last, broken)
        return growth.head > growth.size

    def _keep(
        self,
        now: datetime,
        tree: Tree,
        growth: AuditGrowth,
        last: CheckpointRow | None,
        broken: str,
    ) -> None:
        """Sign and keep a checkpoint: first in the task store, then outside."""
        checkpoint = Checkpoint(
            old=growth.old,
            size=growth.size,
            root=growth.root,
            at=_at(now),
            previous=last.digest if last else None,
            broken=broken,
        )
        signed = self.sign(checkpoint.model_dump(mode="json"), TYP)
        row = CheckpointRow(
            number=last.number + 1 if last else 1,
            size=growth.size,
            root=growth.root,
            at=now,
            digest=digest(signed.encode()),
            signed=signed,
            leaves=growth.leaves,
            peaks=tree.pack(),
        )
        try:
            with self.store.transaction() as session:
                session.add(row)
        except IntegrityError:
            log.info("another replica has signed this checkpoint")
            return
        self.outside.add([_plain(row)])

    def _compare_outside(self) -> None:
        """Bring the file up to what is in the task store; raises Rewritten when it knows more."""
        try:
            newest = self.outside.newest()
        except (ValidationError, ValueError) as error:
            raise Rewritten(f"{self.outside.path} is no list of checkpoints any more.") from error
        with self.store.reading() as session:
            known = _row_of(session, newest) if newest else None
            if newest and known is None:
                raise Rewritten(
                    f"{self.outside.path} ends with a checkpoint that the task store does not "
                    "have: the task store was rolled back, or somebody else signs."
                )
            after = known.number if known else 0
            query = select(CheckpointRow).where(CheckpointRow.number > after)
            missing = session.scalars(query.order_by(CheckpointRow.number)).all()
        if missing:
            self.outside.add(_plain(row) for row in missing)

    def _raise_alarm(self, now: datetime, says: str) -> None:
        with self.store.transaction() as session:
            after = session.scalar(select(func.max(CheckpointRow.number))) or 0
            row = AlarmRow(after=after, at=now, says=says)
            session.add(row)
            session.flush()
            named = row.id
        log.error("AUDIT ALARM: %s Nothing is signed until a person acknowledges it.", says)
        act = Act(id=f"alarm-{named}-{_at(now)}", kind="audit-alarm", body={"says": says})
        self.record(act)

    def acknowledge(self, by: str, why: str) -> AuditState:
        """Let signing go on from the audit as it is now; raises Abandon when there is no alarm."""
        with self.store.transaction() as session:
            alarm = _open(session)
            if alarm is None:
                raise Abandon("No alarm is open.", cause="data", title="NoAlarm")
            alarm.acknowledged = f"{alarm.says[:200]} Acknowledged by {by}: {why}"[:500]
            named = alarm.id
        body: dict[str, Json] = {"by": by, "why": why}
        self.record(Act(id=f"acknowledged-{named}-{by}", kind="audit-acknowledged", body=body))
        self.attest_now(datetime.now(UTC))
        return self.state()

    def state(self) -> AuditState:
        """Return the newest checkpoint and the alarm, if one is open."""
        last, alarm = self._last(), self._open_alarm()
        return AuditState(
            size=last.size if last else 0,
            root=last.root if last else "",
            at=_at(last.at) if last else "",
            alarm=Alarm(at=_at(alarm.at), says=alarm.says[:500]) if alarm else None,
        )

    def page(self, after: int) -> Checkpoints:
        """Return the checkpoints after so many, a page of them."""
        with self.store.reading() as session:
            query = select(CheckpointRow).where(CheckpointRow.number > after)
            rows = session.scalars(query.order_by(CheckpointRow.number).limit(PAGE))
            return Checkpoints(checkpoints=tuple(_plain(row) for row in rows))

    def _last(self) -> CheckpointRow | None:
        with self.store.reading() as session:
            return session.scalar(select(CheckpointRow).order_by(CheckpointRow.number.desc()))

    def _open_alarm(self) -> AlarmRow | None:
        with self.store.reading() as session:
            return _open(session)

    def _acknowledged(self) -> str:
        """Return what a person acknowledged since the last checkpoint, nothing otherwise."""
        with self.store.reading() as session:
            last = session.scalar(select(func.max(CheckpointRow.number))) or 0
            alarm = session.scalar(select(AlarmRow).order_by(AlarmRow.id.desc()))
            return alarm.acknowledged or "" if alarm and alarm.after == last else ""

    def record(self, act: Act) -> None:
        """Put an act on record as far as the toolbox, which may be what is broken, takes it."""
        try:
            self.invoker.call("toolbox", "record", act, Noted, RECORD_TIMEOUT_S)
        except Failing as error:
            log.warning("%s is not on record: %s", act.kind, error.failure.detail)


def _checked(before: Tree, growth: AuditGrowth) -> Tree:
    """Return the tree after a growth; raises Rewritten for one that does not go on from before."""
    old, new = before.root(), bytes.fromhex(growth.root)
    proof = [bytes.fromhex(step) for step in growth.proof]
    if before.size != growth.old or not consistent(growth.old, growth.size, old, new, proof):
        raise Rewritten(f"The audit's first {before.size} records are not those that were signed.")
    for at in range(0, len(growth.leaves), WIDTH):
        before.grow(growth.leaves[at : at + WIDTH])
    if before.size != growth.size or before.root() != new:
        raise Rewritten(f"The records after {growth.old} are not those the tree was grown from.")
    return before


def _row_of(session: Session, signed: SignedCheckpoint) -> CheckpointRow | None:
    named = digest(signed.checkpoint.encode())
    return session.scalar(select(CheckpointRow).where(CheckpointRow.digest == named))


def _open(session: Session) -> AlarmRow | None:
    query = select(AlarmRow).where(AlarmRow.acknowledged.is_(None)).order_by(AlarmRow.id)
    return session.scalar(query)


def _plain(row: CheckpointRow) -> SignedCheckpoint:
    return SignedCheckpoint(checkpoint=row.signed, leaves=b64encode(row.leaves))


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
