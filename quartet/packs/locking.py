"""Rows that a tool locks until its transaction ends, read once however often they are asked for."""

from typing import TypeVar

from sqlalchemy.orm import DeclarativeBase, Session

Row = TypeVar("Row", bound=DeclarativeBase)


def locked(session: Session, row: type[Row], key: object, *, shared: bool = False) -> Row | None:
    """Return the row of this key as it is now, locked; None when there is none.

    ``shared``: others may read it with a lock of their own, and nobody may change it.
    """
    taken = session.info.setdefault("locked", set())
    if (row, key, shared) in taken:
        return session.get(row, key)
    found = session.get(row, key, with_for_update={"read": shared}, populate_existing=True)
    taken.add((row, key, shared))
    return found
