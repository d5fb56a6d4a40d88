"""The ledger of a running suite, read beside it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from quartet.service.database import READING, connect
from tests.suite.running import Running


@contextmanager
def ledger_session(running: Running) -> Iterator[Session]:
    """Open the ledger for reading."""
    path = running.data.root / "toolbox" / "ledger.db"
    engine = connect(f"sqlite:///{path}").execution_options(**{READING: True})
    with Session(engine) as session:
        yield session
    engine.dispose()
