"""How a notice leaves the suite: as a mail over SMTP, as a signed POST; retries are elsewhere."""

import json
import smtplib
import ssl
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage

import httpx

from quartet.contracts.base import Fields
from quartet.resilience.failures import Abandon, RetryLater
from quartet.trust.webhooks import headers_of
from services.console.notices.outbox import Notice
from services.console.notices.routing import Mail

TIMEOUT_S = 15.0
MAIL_SECRET, WEBHOOK_SECRET = "SMTP_PASSWORD", "WEBHOOK_KEY"
Secret = Callable[[str], str]


def send_mail(notice: Notice, through: Mail, secret: Secret) -> None:
    """Hand a notice to the mail server; raises RetryLater when it is not taken."""
    try:
        with _connected(through) as server:
            if through.login is not None:
                server.login(through.login, secret(MAIL_SECRET))
            server.send_message(mail_of(notice, through))
    except (smtplib.SMTPException, OSError) as error:
        says = f"The mail server {through.host} took no notice ({type(error).__name__})."
        raise RetryLater(says, cause="network", title="MailNotTaken") from error


def mail_of(notice: Notice, through: Mail) -> EmailMessage:
    """Return the mail: a neutral subject, and where to look; never what it is about in full."""
    about, number = notice.about, notice.about["approval"]
    waits = about["state"] == "waiting"
    subject = f"Approval {number} " + ("waits for you" if waits else f"is {about['state']}")
    mail = EmailMessage()
    mail["From"], mail["To"] = through.sender, notice.target
    mail["Subject"] = f"[quartet] {subject}"
    mail["Message-ID"] = f"<{notice.id}@quartet.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    until = f"It expires at {about['expires_at']}.\n" if waits else ""
    mail.set_content(
        f"{subject}.\n\nTask {about['task']}, tool {about['tool']}, tenant {about['tenant']}, "
        f"for {about['requester']}; asked: {about['group']}.\n{until}"
        f"Look at it with `quartet approvals show {number}`.\n"
    )
    return mail


def _connected(through: Mail) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if through.security == "tls":
        return smtplib.SMTP_SSL(through.host, through.port, timeout=TIMEOUT_S, context=context)
    server = smtplib.SMTP(through.host, through.port, timeout=TIMEOUT_S)
    if through.security == "starttls":
        server.starttls(context=context)
    return server


def send_webhook(notice: Notice, url: str, secret: Secret, now: datetime) -> None:
    """POST a notice as a signed CloudEvent; raises RetryLater when it is not taken with 2xx."""
    body = json.dumps(event_of(notice, now)).encode()
    headers = headers_of(bytes.fromhex(secret(WEBHOOK_SECRET)), notice.id, now, body)
    try:
        answer = httpx.post(
            url,
            content=body,
            headers=headers | {"content-type": "application/cloudevents+json"},
            timeout=TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        says = f"The webhook gave no answer ({type(error).__name__})."
        raise RetryLater(says, cause="network", title="WebhookAway") from error
    if not answer.is_success:
        says = f"The webhook answered {answer.status_code}."
        raise RetryLater(says, cause="network", title="WebhookRefused")


def event_of(notice: Notice, now: datetime) -> Fields:
    """Return the CloudEvent of a notice."""
    return {
        "specversion": "1.0",
        "id": notice.id,
        "source": "/console",
        "type": f"quartet.notice.{notice.kind.partition('-')[0]}.v1",
        "time": now.isoformat(timespec="seconds"),
        "datacontenttype": "application/json",
        "data": notice.about,
    }


def unroutable(notice: Notice) -> Abandon:
    """Return the failure of a notice whose channel is no longer set up."""
    says = f"There is no {notice.channel} {notice.target!r} in notices.yaml any more."
    return Abandon(says, cause="data", title="NoChannel")
