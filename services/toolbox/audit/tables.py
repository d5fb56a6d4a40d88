"""The tables beside the audit records: nodes of the tree, contents by reference, requesters."""

from datetime import datetime

from sqlalchemy import JSON, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from quartet.contracts.base import Json
from services.toolbox.tables import Base


class AuditNodeRow(Base):
    """A complete node of the Merkle tree above the leaves; the leaves are the records' own."""

    __tablename__ = "audit_nodes"
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class ContentRow(Base):
    """A body that audit records refer to: a message, a tool's definition, arguments; kept once."""

    __tablename__ = "audit_contents"
    digest: Mapped[str] = mapped_column(String(71), primary_key=True)
    content: Mapped[Json] = mapped_column(JSON)
    at: Mapped[datetime]


class RequesterRow(Base):
    """The person behind a task, as the coordinator told when it took the task in."""

    __tablename__ = "audit_requesters"
    task: Mapped[str] = mapped_column(String(26), primary_key=True)
    requester: Mapped[str] = mapped_column(Text)
    tenant: Mapped[str] = mapped_column(String(64))
