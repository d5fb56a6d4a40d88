"""Receivers of notices that are real servers on loopback, and the outbox before them; no test."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from aiosmtpd.controller import Controller
from sqlalchemy import Engine

from quartet.contracts.approval import ApprovalDecided, ApprovalRequested, ApprovalState
from quartet.contracts.base import Fields
from quartet.service.database import connect, migrate
from services.console.app import MIGRATIONS
from services.console.notices.outbox import Outbox
from services.console.notices.posting import Posting

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = "5e" * 32
PASSWORD = "the-mail-password"
TASK = "t-" + "1" * 24
IBAN = "DE80284559419069782389"


def migrated(folder: Path, url: str | None = None) -> Engine:
    """Return the engine of the console's database, made new."""
    found = url or f"sqlite:///{folder / 'notices.db'}"
    migrate(found, MIGRATIONS)
    return connect(found)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@dataclass
class Inbox:
    """What a mail server took."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a mail; aiosmtpd calls this by its name."""
        del server, session
        mail = BytesParser(EmailMessage, policy=default).parsebytes(envelope.content)
        self.mails.append(mail)
        self.recipients.extend(envelope.rcpt_tos)
        return "250 taken"


@contextmanager
def mail_server(port: int) -> Iterator[Inbox]:
    """Serve SMTP on loopback."""
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()


@dataclass
class Hook:
    """What a webhook's receiver got: headers and body of each request."""

    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: int = 204


@contextmanager
def hook_server(port: int, hook: Hook | None = None) -> Iterator[Hook]:
    """Serve a webhook's receiver on loopback."""
    received = hook or Hook()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(received.answer)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Desk:
    """A console's notices on a folder, with a clock of their own."""

    posting: Posting
    folder: Path
    now: datetime = NOW

    def later(self, **more: float) -> None:
        """Let time pass, and make a pass."""
        self.now += timedelta(**more)
        self.posting.pass_once()

    def settings(self, **found: object) -> None:
        """Write notices.yaml."""
        (self.folder / "notices.yaml").write_text(yaml.safe_dump(found))


def desk(folder: Path, engine: Engine, *people: Fields) -> Desk:
    """Return notices on a migrated database, for some people."""
    listed = list(people) or [person("alice"), person("bob"), person("eve", tenant="other")]
    (folder / "people.yaml").write_text(yaml.safe_dump({"people": listed}))
    secrets = {"SMTP_PASSWORD": PASSWORD, "WEBHOOK_KEY": KEY}
    made = Desk(Posting(Outbox(engine), folder, secrets.__getitem__), folder)
    made.posting.clock = lambda: made.now
    return made


def person(name: str, group: str = "approvers", tenant: str = "default") -> Fields:
    return {"name": name, "tenant": tenant, "groups": [group], "mail": f"{name}@example.org"}


def requested(approval: int = 7, **more: object) -> dict[str, Any]:
    """Return the event of an approval that is asked for."""
    asked = {
        "approval": approval,
        "task": TASK,
        "subtask": "settle",
        "slot": 1,
        "tool": "schedule_payment",
        "effect": f"pay 12000.00 EUR to {IBAN}",
        "amount": "12000.00",
        "currency": "EUR",
        "tier": "approve",
        "approvers": 1,
        "group": "approvers",
        "requester": "carol",
        "tenant": "default",
        "call_digest": "sha256:" + "a" * 64,
        "expires_at": (NOW + timedelta(days=7)).isoformat(),
    }
    data = ApprovalRequested.model_validate(asked | more).model_dump(mode="json")
    return {"source": "/toolbox", "type": "quartet.approval.requested.v1", "data": data}


def ended(approval: int = 7, state: ApprovalState = "approved") -> dict[str, Any]:
    """Return the event of an approval that is decided."""
    told = ApprovalDecided(
        approval=approval, task=TASK, subtask="settle", attempt=1, slot=1, state=state
    )
    data = told.model_dump(mode="json")
    return {"source": "/toolbox", "type": "quartet.approval.decided.v1", "data": data}
