"""Bodies that records refer to by digest: prompts and arguments; kept once, however often said."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from quartet.contracts.base import Digest, Json
from quartet.trust.digest import digest
from services.toolbox.audit.tables import ContentRow

_PARTS = ("tools", "response_schema")


def keep(session: Session, now: datetime, asked: Json) -> Digest:
    """Keep what was asked; return the digest by which ``asked_of`` finds it.

    A prompt is kept in its parts: the messages that a later turn repeats are there already.
    """
    contents: dict[str, Json] = {}

    def part(content: Json) -> Digest:
        named = digest(content)
        contents[named] = content
        return named

    index = asked
    if isinstance(asked, dict) and isinstance(said := asked.get("messages"), list):
        parts: dict[str, Json] = {name: part(asked[name]) for name in _PARTS if name in asked}
        index = {**asked, **parts, "messages": [part(message) for message in said]}
    whole = part(index)
    there = set(session.scalars(select(ContentRow.digest).where(ContentRow.digest.in_(contents))))
    session.add_all(
        ContentRow(digest=named, content=content, at=now)
        for named, content in contents.items()
        if named not in there
    )
    session.flush()
    return whole


def asked_of(session: Session, whole: Digest) -> Json:
    """Return what was asked, put together again; a part that is gone is None."""

    def content(named: Json) -> Json:
        row = session.get(ContentRow, named)
        return row.content if row else None

    index = content(whole)
    if isinstance(index, dict) and isinstance(said := index.get("messages"), list):
        parts = {name: content(index[name]) for name in _PARTS if name in index}
        return {**index, **parts, "messages": [content(message) for message in said]}
    return index
