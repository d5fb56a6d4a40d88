"""The shares of canaries: kept in the task store, changed by people, on record; with figures."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from quartet.contracts.audit import Act, Noted
from quartet.contracts.base import Fields
from quartet.contracts.canary import Canaries, CanaryView, Figures, ShareWanted
from quartet.packs.load import Pack
from quartet.packs.manifest import Specialist
from quartet.resilience.failures import Abandon
from quartet.sidecar.ports import Invoker
from quartet.trust.digest import digest
from services.coordinator.rows import ENDED
from services.coordinator.store import TaskStore
from services.coordinator.tables import CanaryRow, ReviewRow, SubtaskRow, TaskRow


class UnknownCanary(Abandon):
    """No canary of this app-id is declared to the suite."""

    status = 404


@dataclass(frozen=True)
class Shares:
    """The shares of the suite's canaries."""

    pack: Pack
    store: TaskStore
    invoker: Invoker

    def forget_undeclared(self) -> None:
        """Drop the shares of canaries that are no more: one that comes back begins with none."""
        gone = CanaryRow.app_id.not_in([one.app_id for one in self._declared()])
        with self.store.transaction() as session:
            session.execute(delete(CanaryRow).where(gone))

    def shown(self) -> Canaries:
        """Return every declared canary with its figures."""
        with self.store.reading() as session:
            return Canaries(canaries=tuple(_view(session, one) for one in self._declared()))

    def give(self, app_id: str, wanted: ShareWanted, by: str) -> CanaryView:
        """Give a canary a share of the new tasks; what it has under way it keeps.

        The record says so first; raises UnknownCanary, and what the toolbox refuses.
        """
        canary = self._canary(app_id)
        now = datetime.now(UTC)
        with self.store.reading() as session:
            row = session.get(CanaryRow, app_id)
            before = row.percent if row else 0
        body: Fields = {
            "app_id": app_id,
            "percent": wanted.percent,
            "before": before,
            "by": by,
            "why": wanted.why,
            "at": now.isoformat(),
        }
        act = Act(id=f"canary-{digest(body)[7:]}", kind="canary-share-set", body=body)
        self.invoker.call("toolbox", "record", act, Noted)
        with self.store.transaction() as session:
            row = session.get(CanaryRow, app_id, with_for_update=True)
            if row is None:
                row = CanaryRow(app_id=app_id, percent=0)
                session.add(row)
            if wanted.percent and not row.percent:
                row.since = now
            row.percent, row.by, row.why, row.changed = wanted.percent, by, wanted.why, now
            session.flush()
            return _view(session, canary)

    def _declared(self) -> tuple[Specialist, ...]:
        return tuple(one for one in self.pack.manifest.specialists if one.canary_of)

    def _canary(self, app_id: str) -> Specialist:
        for one in self._declared():
            if one.app_id == app_id:
                return one
        have = ", ".join(one.app_id for one in self._declared())
        raise UnknownCanary(
            f"There is no canary {app_id!r}; this suite has {have or 'none'}. Start it with one: "
            "`quartet suite up --canary APP`, or canaries.APP in the chart's values.",
            cause="data",
        )


def _view(session: Session, one: Specialist) -> CanaryView:
    base = str(one.canary_of)
    row = session.get(CanaryRow, one.app_id)
    mine = SubtaskRow.app_id == one.app_id
    count = select(func.count()).select_from(SubtaskRow)
    under_way = session.scalar(count.where(mine, SubtaskRow.state.not_in(ENDED))) or 0
    if row is None:
        return CanaryView(app_id=one.app_id, canary_of=base, under_way=under_way)
    return CanaryView(
        app_id=one.app_id,
        canary_of=base,
        percent=row.percent,
        by=row.by,
        why=row.why,
        changed=row.changed.isoformat(timespec="seconds"),
        since=row.since.isoformat() if row.since else "",
        under_way=under_way,
        figures=_figures(session, one.app_id, row.since),
        base=_figures(session, base, row.since),
    )


def _figures(session: Session, app_id: str, since: datetime | None) -> Figures:
    """Count what became of the subtasks of an app-id, of tasks that came in since then."""
    if since is None:
        return Figures()
    own = (SubtaskRow.app_id == app_id, TaskRow.created >= since)
    states = (
        select(SubtaskRow.state, func.count())
        .join(TaskRow, TaskRow.id == SubtaskRow.task)
        .where(*own)
        .group_by(SubtaskRow.state)
    )
    revised = (
        select(func.count())
        .select_from(ReviewRow)
        .join(TaskRow, TaskRow.id == ReviewRow.task)
        .join(
            SubtaskRow, (SubtaskRow.task == ReviewRow.task) & (SubtaskRow.id == ReviewRow.subtask)
        )
        .where(*own, ReviewRow.verdict["decision"].as_string() == "revise")
    )
    found: dict[str, int] = {state: n for state, n in session.execute(states)}  # noqa: C416 - rows
    return Figures(
        subtasks=sum(found.values()),
        done=found.get("done", 0),
        rejected=found.get("rejected", 0),
        failed=found.get("failed", 0),
        held=found.get("held", 0),
        revised=session.scalar(revised) or 0,
    )
