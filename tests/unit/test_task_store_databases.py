"""The task store on each database: migrated, a task accepted once, claimed, swept."""

from datetime import UTC, datetime, timedelta

from quartet.contracts.person import Person
from quartet.contracts.task import Task
from quartet.service.database import connect, migrate
from services.coordinator.app import MIGRATIONS
from services.coordinator.store import TaskStore
from services.coordinator.views import Wanted, task_view, task_views

ADMIN = Person(name="admin", roles=("admin",))
TASK = Task(id="t-" + "a" * 24, pack="payables", goal="Pay.", requester="anna", documents=())


def test_a_task_is_accepted_once_claimed_by_its_run_and_shown(database_url: str) -> None:
    migrate(database_url, MIGRATIONS)
    engine = connect(database_url)
    store = TaskStore(engine)

    first = store.accept(TASK, "/cli", "1", "a" * 16)
    again = store.accept(TASK, "/cli", "1", "b" * 16)

    assert first is not None
    assert again is None
    assert store.claim(first.model_copy(update={"run": "b" * 16})).task is None
    assert store.claim(first).task == TASK
    with store.reading() as session:
        (shown,) = task_views(session, Wanted(), ADMIN)
        assert (shown.state, shown.requester) == ("planning", "anna")
        moves = task_view(session, TASK.id, ADMIN).history
        assert [m.after for m in moves] == ["submitted", "planning"]
    moved = datetime.fromisoformat(shown.changed)
    assert abs(datetime.now(UTC) - moved) < timedelta(minutes=1)
    engine.dispose()
