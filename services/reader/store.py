"""The store of documents: content-addressed, only this service reads it; parsing is elsewhere."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from sqlalchemy import DateTime, Engine, LargeBinary, String
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from quartet.contracts.base import Digest
from quartet.contracts.document import MAX_DOCUMENT, Upload
from quartet.contracts.task import Document
from quartet.resilience.failures import Abandon
from quartet.service.database import connect, migrate, told
from quartet.trust.digest import digest

MIGRATIONS = Path(__file__).parent / "migrations"


class DocumentTooLarge(Abandon):
    """More bytes than the store takes."""

    status = 413


class EmptyDocument(Abandon):
    """A document without a byte."""

    status = 422


class UnknownDocument(Abandon):
    """A digest that was never uploaded."""

    status = 404


class _Base(DeclarativeBase):
    """The tables of the documents."""


class DocumentRow(_Base):
    """One document; its name is the uploader's business and is not kept."""

    __tablename__ = "documents"
    digest: Mapped[str] = mapped_column(String(71), primary_key=True)
    media_type: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    stored_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


def utc_now() -> datetime:
    """Return the moment, UTC."""
    return datetime.now(UTC)


class Documents:
    """The documents by digest; safe to share between threads."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = utc_now) -> None:
        """Take the engine of a migrated database."""
        self._engine, self._clock = engine, clock

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def put(self, upload: Upload) -> Document:
        """Keep a document, once however often it comes, and return its reference.

        Raises EmptyDocument and DocumentTooLarge.
        """
        content = upload.content
        if not content:
            raise EmptyDocument(
                f"Document {upload.name!r} is empty. Send its bytes.",
                cause="data",
                title="EmptyDocument",
            )
        if len(content) > MAX_DOCUMENT:
            raise DocumentTooLarge(
                f"Document {upload.name!r} has {len(content)} bytes; at most {MAX_DOCUMENT} are "
                "taken. Send a smaller one.",
                cause="data",
                title="DocumentTooLarge",
            )
        found = digest(content)
        self._insert(found, upload)
        return Document(
            digest=found, media_type=upload.media_type, name=upload.name, size=len(content)
        )

    def content(self, wanted: Digest) -> bytes:
        """Return the bytes of a document; raises UnknownDocument."""
        with told("document store", "DocumentsAway"), Session(self._engine) as session:
            row = session.get(DocumentRow, wanted)
            if row is None:
                _unknown(wanted)
            return row.content

    def _insert(self, found: Digest, upload: Upload) -> None:
        with told("document store", "DocumentsAway"), Session(self._engine) as session:
            if session.get(DocumentRow, found) is not None:
                return
            session.add(
                DocumentRow(
                    digest=found,
                    media_type=upload.media_type,
                    size=len(upload.content),
                    content=upload.content,
                    stored_at=self._clock(),
                )
            )
            try:
                session.commit()
            except IntegrityError:
                session.rollback()  # somebody stored the same bytes first


def open_documents(url: str) -> Documents:
    """Return the store, migrated to its newest tables."""
    migrate(url, MIGRATIONS)
    return Documents(connect(url))


def _unknown(wanted: Digest) -> NoReturn:
    raise UnknownDocument(
        f"There is no document {wanted}. Upload it first (`quartet submit` does) and name the "
        "digest that the upload gave.",
        cause="data",
        title="UnknownDocument",
    )
