"""What one task leaves behind: durable steps in its histories, bytes in Redis, rows in SQL.

Whatever key or row carries the task's id counts; no naming rule of the product is known here.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import repeat
from pathlib import Path

import grpc
from dapr.ext.workflow import (
    DaprWorkflowClient,
    WorkflowHistoryEvent,
    WorkflowHistoryEventType,
)

from bench.figures import Size, Steps
from bench.runs import workflow_client
from bench.starting import Started
from bench.streams import entries
from quartet.contracts.event import TOPICS
from quartet.durable.client import LOOKS, PAUSE_S, incomplete
from quartet.runtime.redis import OPERATOR, connect

_COUNTED = {
    WorkflowHistoryEventType.TASK_SCHEDULED: "activities",
    WorkflowHistoryEventType.CHILD_WORKFLOW_INSTANCE_CREATED: "child_workflows",
    WorkflowHistoryEventType.TIMER_CREATED: "timers",
    WorkflowHistoryEventType.EVENT_RAISED: "events",
}
_DATABASES = ("coordinator/tasks.db", "toolbox/ledger.db", "reader/documents.db")
_TASK_COLUMNS = ("task", "effect", "id")
"""Columns that hold a task's id, or an effect key, which begins with it."""


class Footprint:
    """Reads what tasks left, beside a running suite and without a lock."""

    def __init__(self, started: Started) -> None:
        """Connect to Redis as its operator."""
        self._started = started
        self._redis = connect(started.data, OPERATOR)

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def of(self, task: str) -> tuple[Steps, Size]:
        """Return steps and size of one task (or bare instance)."""
        keys = [str(key) for key in self._redis.scan_iter(match=f"*{task}*", count=5000)]
        of_instances = [key for key in keys if key.count("||") == 3]
        steps = self._steps({(k.split("||")[0], k.split("||")[2]) for k in of_instances})
        size = Size(
            history_bytes=sum(self._values(key) for key in of_instances),
            instances_redis_bytes=sum(self._memory(key) for key in of_instances),
            state_redis_bytes=sum(self._memory(k) for k in keys if k not in of_instances),
            broker_bytes=self._broker_bytes(task),
            rows={path.stem: count for path, count in self._rows(task)},
        )
        return steps, size

    def _steps(self, instances: set[tuple[str, str]]) -> Steps:
        counted: Counter[str] = Counter()
        for app_id in sorted({app_id for app_id, _ in instances}):
            with closing(workflow_client(self._started, app_id)) as client:
                for _, instance in (one for one in instances if one[0] == app_id):
                    for event in _history(client, instance):
                        counted[kind_of(event)] += 1
        del counted[""]
        by_event = len(instances) - 1 - counted["child_workflows"]
        return Steps(**counted, workflows_by_event=by_event, total=counted.total() + by_event)

    def _values(self, key: str) -> int:
        return int(self._redis.hstrlen(key, "data"))

    def _memory(self, key: str) -> int:
        return int(self._redis.memory_usage(key) or 0)

    def _broker_bytes(self, task: str) -> int:
        return sum(
            len(value.encode())
            for topic in TOPICS
            for _, fields in entries(self._redis, topic)
            for value in fields.values()
            if task in value
        )

    def _rows(self, task: str) -> Iterator[tuple[Path, int]]:
        for path in databases(self._started):
            with reading(path) as database:
                yield path, sum(_rows_of(database, task))

    def append_only_bytes(self) -> int:
        """Return how much Redis has written to its append-only file."""
        return int(self._redis.info("persistence")["aof_current_size"])


def _history(client: DaprWorkflowClient, instance: str) -> list[WorkflowHistoryEvent]:
    """Return the history of an instance; one that was read between two writes is read again."""
    for pause in repeat(PAUSE_S, LOOKS):
        try:
            return list(client.get_workflow_history(instance))
        except grpc.RpcError as error:
            if not incomplete(error):
                raise
            time.sleep(pause)
    return list(client.get_workflow_history(instance))


def kind_of(event: WorkflowHistoryEvent) -> str:
    """Return the field of Steps that an event counts for, or nothing."""
    return _COUNTED.get(event.event_type, "")


def databases(started: Started) -> list[Path]:
    """Return the SQLite files of the services."""
    return [started.data.root / name for name in _DATABASES]


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        yield database


def sql_bytes(started: Started) -> dict[str, int]:
    """Return the size of each database, what still stands in its write-ahead log too."""
    found = {}
    for path in databases(started):
        with reading(path) as database:
            pages, size = (
                int(database.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_count", "page_size")
            )
            found[path.stem] = pages * size
    return found


def _rows_of(database: sqlite3.Connection, task: str) -> Iterator[int]:
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
        column = next((name for name in _TASK_COLUMNS if name in columns), None)
        if column is not None:
            query = f'SELECT count(*) FROM "{table}" WHERE substr("{column}", 1, ?) = ?'  # noqa: S608
            yield int(database.execute(query, (len(task), task)).fetchone()[0])
