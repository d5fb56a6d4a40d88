"""Who is told of an approval, and how (notices.yaml); pure, people and settings are arguments."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from quartet.contracts.approval import ApprovalRequested
from quartet.contracts.base import Contract, Money, Name
from quartet.contracts.person import Address, People

LOOPBACK = r"http://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?(/.*)?"
Url = Annotated[str, StringConstraints(pattern=rf"^(https://[^\s]+|{LOOPBACK})$", max_length=500)]
"""Where a webhook is: https, or plain http on this machine only."""
Channel = Literal["mail", "webhook"]
Target = tuple[Channel, str]


class Mail(Contract):
    """The mail server; the password of ``login`` is the secret SMTP_PASSWORD of the console."""

    host: str
    port: int = Field(ge=1, le=65535)
    sender: Address
    security: Literal["starttls", "tls", "none"] = "starttls"
    login: str | None = None


class Webhook(Contract):
    """A receiver of notices; each is signed with the secret WEBHOOK_KEY of the console."""

    name: Name
    url: Url


class Route(Contract):
    """Whom to tell of the approvals that match; what is left out matches everything.

    ``people`` and ``groups`` are told by mail, the asked group when neither is named.
    """

    tools: tuple[Name, ...] = ()
    tenants: tuple[Name, ...] = ()
    asked: tuple[Name, ...] = ()
    at_least: Money | None = None
    people: tuple[str, ...] = ()
    groups: tuple[Name, ...] = ()
    webhooks: tuple[Name, ...] = ()
    mail: bool = True

    def matches(self, one: ApprovalRequested) -> bool:
        """Return whether an approval goes this way; an unknown amount is as large as can be."""
        enough = self.at_least is None or one.amount is None
        return (
            one.tool in (self.tools or (one.tool,))
            and one.tenant in (self.tenants or (one.tenant,))
            and one.group in (self.asked or (one.group,))
            and (enough or Decimal(one.amount or 0) >= Decimal(self.at_least or 0))
        )


class Notices(Contract):
    """notices.yaml: the channels, the routes (the first that matches counts), and reminders."""

    mail: Mail | None = None
    webhooks: tuple[Webhook, ...] = ()
    routes: tuple[Route, ...] = ()
    remind_after_s: int = Field(default=86_400, ge=1)

    def url_of(self, name: str) -> str | None:
        """Return where a webhook is."""
        return next((hook.url for hook in self.webhooks if hook.name == name), None)

    def targets(self, one: ApprovalRequested, people: People) -> tuple[Target, ...]:
        """Return who is told, each once; nobody outside the approval's tenant is."""
        everywhere = Route(webhooks=tuple(hook.name for hook in self.webhooks))
        route = next((r for r in self.routes if r.matches(one)), everywhere)
        return tuple(dict.fromkeys(self._along(route, one, people)))

    def _along(self, route: Route, one: ApprovalRequested, people: People) -> Iterator[Target]:
        groups = route.groups or (() if route.people else (one.group,))
        for person in people.people:
            named = person.name in route.people or set(groups) & set(person.groups)
            wanted = self.mail is not None and route.mail and named
            if wanted and person.tenant == one.tenant and person.mail:
                yield "mail", person.mail
        for name in route.webhooks:
            if self.url_of(name) is not None:
                yield "webhook", name
