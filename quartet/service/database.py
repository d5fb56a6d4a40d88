"""SQL databases of the services: engines and migrations; tables live with their owners."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from quartet.resilience.failures import Abandon, RetryLater

READING = "quartet_reading"
"""The execution option of an engine that only reads: on SQLite it waits for no writer."""


def connect(url: str) -> Engine:
    """Return the engine of a database; SQLite gets WAL, foreign keys and a lock wait of 10 s."""
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_as_writer)
    return engine


class Holding(Session):
    """A session that lets go of no row that it has read, so that none is read twice by its key."""


@event.listens_for(Holding, "loaded_as_persistent")
def _hold(session: Session, row: object) -> None:
    session.info.setdefault("held", []).append(row)


def migrate(url: str, folder: Path, *more_versions: Path) -> None:
    """Bring a database up to the newest migration of ``folder`` and of other version folders."""
    config = Config()
    versions = "\n".join(map(str, (folder / "versions", *more_versions)))
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("version_locations", versions.replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["url"] = url
    command.upgrade(config, "heads")


@contextmanager
def told(what: str, title: str) -> Iterator[None]:
    """Tell a database that is away or busy as RetryLater, and what it cannot keep as Abandon.

    A broken key is the caller's.
    """
    try:
        yield
    except IntegrityError:
        raise
    except (OperationalError, PoolTimeoutError) as error:
        raise _busy(error, what, title) from error
    except DataError as error:
        says = f"The database of the {what} cannot keep what was sent: {str(error.orig)[:200]}."
        raise Abandon(says, cause="data", title="NotStorable") from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise _busy(error, what, title) from error


def _busy(error: Exception, what: str, title: str) -> RetryLater:
    says = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return RetryLater(
        f"The database of the {what} is away or busy: {says[:200]}. Try again.",
        cause="tool",
        title=title,
        after=1.0,
    )


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA busy_timeout=10000")
        connection.execute("PRAGMA foreign_keys=ON")


def _begin_as_writer(connection: Connection) -> None:
    """Take the write lock at once: a read that turns into a write later could not wait for it."""
    reading = connection.get_execution_options().get(READING)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
