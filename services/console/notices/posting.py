"""The console's part in notices: hears of approvals, and posts what is owed while it serves.

That an event is genuine was established by who gives it on.
"""

import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from quartet.contracts.approval import ApprovalDecided, ApprovalRequested
from quartet.contracts.person import People
from quartet.resilience.failures import Abandon, Failing
from quartet.service.events import RETRY, SUCCESS
from quartet.service.log import get_logger
from services.console.notices.channels import Secret, send_mail, send_webhook, unroutable
from services.console.notices.outbox import Notice, Outbox
from services.console.notices.routing import Notices

Read = TypeVar("Read", bound=BaseModel)
log = get_logger("console.notices")


@dataclass
class Posting:
    """Keeps what is heard, and sends what is due, a pass a second while it holds the lease."""

    outbox: Outbox
    folder: Path
    """Where notices.yaml and people.yaml are; they are read again at each use."""
    secret: Secret
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    owner: str = field(default_factory=lambda: secrets.token_hex(8))
    every_s: float = 1.0
    _draw: Callable[[], float] = field(default=SystemRandom().random)

    def asked(self, event: dict[str, Any]) -> dict[str, str]:
        """Take the news that people are asked; acknowledged once it is kept."""
        return self._kept(event, ApprovalRequested, self.outbox.asked)

    def decided(self, event: dict[str, Any]) -> dict[str, str]:
        """Take the news that an approval is decided; acknowledged once it is kept."""
        return self._kept(event, ApprovalDecided, self.outbox.decided)

    def _kept(
        self,
        event: dict[str, Any],
        contract: type[Read],
        keep: Callable[[Read, Notices, People, datetime], None],
    ) -> dict[str, str]:
        try:
            news = contract.model_validate(event.get("data"))
            keep(news, *self._files_or_none(), self.clock())
        except ValidationError as error:
            log.warning("%s is no news: %s", event.get("type"), error.error_count())
        except Failing as error:
            log.warning("%s: %s", event.get("type"), error.failure.detail)
            return RETRY
        return SUCCESS

    @contextmanager
    def running(self) -> Iterator[None]:
        """Post in a thread until the block ends."""
        stop = threading.Event()
        thread = threading.Thread(target=self._loop, args=(stop,), name="notices", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=20)

    def _loop(self, stop: threading.Event) -> None:
        while not stop.wait(self.every_s):
            try:
                self.pass_once()
            except Exception:  # the outermost loop: the next pass tries again
                log.exception("a pass failed; the next one tries again")

    def pass_once(self) -> None:
        """Make one pass, if the lease is ours: what is due leaves, what fails waits longer."""
        try:
            to, people = self._files()
            if not self.outbox.leased(self.owner, self.clock()):
                return
            self.outbox.remind(to, people, self.clock())
            for notice in self.outbox.due(self.clock()):
                self._send(notice, to)
        except Failing as error:
            log.warning("notices: %s", error.failure.detail)

    def _send(self, notice: Notice, to: Notices) -> None:
        try:
            self._through(notice, to)
        except Failing as error:
            why = f"{error.failure.title}: {error.failure.detail}"
            again = self.outbox.failed(notice, why, self.clock(), self._draw())
            log.warning("%s, %s: %s", notice.id, "again later" if again else "given up", why)
        else:
            self.outbox.sent(notice, self.clock())

    def _through(self, notice: Notice, to: Notices) -> None:
        url = to.url_of(notice.target)
        if notice.channel == "mail" and to.mail is not None:
            send_mail(notice, to.mail, self.secret)
        elif notice.channel == "webhook" and url is not None:
            send_webhook(notice, url, self.secret, self.clock())
        else:
            raise unroutable(notice)

    def _files_or_none(self) -> tuple[Notices, People]:
        """Return the files; with a broken one nobody is told now, and reminders tell later."""
        try:
            return self._files()
        except Abandon as error:
            log.error("%s", error.failure.detail)  # noqa: TRY400 - the detail is all there is
            return Notices(), People()

    def _files(self) -> tuple[Notices, People]:
        return _read(self.folder / "notices.yaml", Notices), _read(
            self.folder / "people.yaml", People
        )


def _read(path: Path, contract: type[Read]) -> Read:
    """Return what a file holds, the default without it; raises Abandon naming what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return contract()
    except OSError as error:
        says = f"{path.name} cannot be read ({error.strerror}): nobody can be told."
        raise Abandon(says, cause="data", title="NoticesUnreadable") from error
    try:
        return contract.model_validate(yaml.safe_load(text) or {})
    except (yaml.YAMLError, ValidationError) as error:
        what = re.sub(r"\s+", " ", str(error))[:300]
        says = f"{path.name} is not as it should be: {what}"
        raise Abandon(says, cause="data", title="NoticesMalformed") from error
