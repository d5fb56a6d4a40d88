"""People at the running suite: who comes in, with which role, and whose tasks are shown (V21)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
import yaml
from joserfc import jws, jwt
from joserfc.jwk import OKPKey

from quartet.contracts.person import Person, Role
from quartet.runtime.issuer import issuer_of
from quartet.runtime.layout import HOST
from quartet.trust.people import AUDIENCE, LOCAL_ISSUER, Issuer, mint
from quartet.trust.speaking import DECISION
from quartet.trust.webhooks import check
from tests.suite.client import Client, app
from tests.suite.here import eventually
from tests.suite.invoices import clean_invoice
from tests.suite.running import Running
from tests.unit.notices_desk import Hook, Inbox, free_port, hook_server, mail_server

pytestmark = pytest.mark.runtime
HOUR = timedelta(hours=1)


def token(running: Running, name: str, *roles: Role, tenant: str = "default") -> str:
    who = Person(name=name, tenant=tenant, roles=roles)
    return mint(who, issuer_of(running.data), datetime.now(UTC), HOUR)


def get(path: str, bearer: str = "", **headers: str) -> httpx.Response:
    sent = {"authorization": f"Bearer {bearer}"} if bearer else {}
    url = f"http://{HOST}:{app('console').app_port}/api{path}"
    return httpx.get(url, headers=sent | headers, timeout=30, trust_env=False)


def test_a_submitter_s_task_is_unknown_to_everybody_else(running: Running, client: Client) -> None:
    with client.as_person("sam") as sam:
        view = sam.settled(sam.submit(sam.event(sam.upload(clean_invoice()))))
        assert (view.requester, view.tenant) == ("sam", "default")
        assert [one.id for one in sam.tasks(batch="none")] == []
        heard = sam.http.get("/events", params={"after": "0"}).json()["events"]

    assert {event["data"].get("task", view.id) for event in heard} == {view.id}
    seen = {
        "another submitter": get(f"/tasks/{view.id}", token(running, "ada", "submitter")),
        "a namesake elsewhere": get(
            f"/tasks/{view.id}", token(running, "sam", "submitter", tenant="acme")
        ),
        "an operator elsewhere": get(
            f"/tasks/{view.id}", token(running, "olaf", "operator", tenant="acme")
        ),
    }
    assert {who: answer.status_code for who, answer in seen.items()} == dict.fromkeys(seen, 404)
    for roles in (("approver",), ("operator",), ("auditor",), ("admin",)):
        who = Person.model_validate({"name": "x", "roles": roles})
        bearer = mint(who, issuer_of(running.data), datetime.now(UTC), HOUR)
        assert get(f"/tasks/{view.id}", bearer).status_code == 200


def test_a_person_without_the_role_is_refused(running: Running) -> None:
    submitter, approver = token(running, "a", "submitter"), token(running, "b", "approver")

    assert get("/dead-letters", submitter).status_code == 403
    assert get("/audit", approver).status_code == 403
    assert get("/tasks", token(running, "c")).status_code == 403
    assert get("/dead-letters", token(running, "o", "operator", tenant="acme")).status_code == 403


def test_an_expired_a_foreign_and_an_unsigned_token_sign_nobody_in(running: Running) -> None:
    issuer, now = issuer_of(running.data), datetime.now(UTC)
    admin = Person(name="admin", roles=("admin",))
    stranger = Issuer(OKPKey.generate_key("Ed25519", {"kid": str(issuer.key.kid)}))
    genuine = mint(admin, issuer, now, HOUR)
    header, claims, _ = genuine.split(".")
    other = jwt.encode(
        {"alg": "Ed25519", "typ": "txntoken+jwt", "kid": str(issuer.key.kid)},
        {"iss": LOCAL_ISSUER, "aud": AUDIENCE, "sub": "admin", "tenant": "default"},
        issuer.key,
        algorithms=["Ed25519"],
    )
    none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"

    assert get("/tasks", genuine).status_code == 200
    for false in (
        mint(admin, issuer, now - 2 * HOUR, HOUR),
        mint(admin, stranger, now, HOUR),
        f"{none}.{claims}.",
        f"{header}.{claims}.",
        other,
    ):
        assert get("/tasks", false).status_code == 401, false


def test_a_console_without_a_person_reads_nothing_behind_it(running: Running) -> None:
    """What a console that was taken over can do with its own identity and no person's token."""
    port = app("console").http_port
    secret = running.data.api_token("console").read_text().strip()
    for callee, path in (("coordinator", "tasks"), ("coordinator", "dead-letters")):
        url = f"http://{HOST}:{port}/v1.0/invoke/{callee}/method/callers/console/{path}"
        answer = httpx.get(url, headers={"dapr-api-token": secret}, timeout=30, trust_env=False)
        assert answer.status_code == 401, answer.text
    answer = running.invoke("console", "toolbox", "operations/list_payments", {})
    assert answer.status_code == 401, answer.text


def test_a_form_on_a_foreign_page_can_not_act(running: Running, client: Client) -> None:
    task = client.pay(clean_invoice())
    bearer = token(running, "root", "admin")
    url = f"http://{HOST}:{app('console').app_port}/api/tasks/{task}/cancel"
    foreign = {
        "cookie": f"authorization=Bearer {bearer}; Person-Token={bearer}",
        "origin": "https://evil.example",
        "content-type": "text/plain",
    }

    answer = httpx.post(url, content='{"why": "x"}', headers=foreign, trust_env=False)

    assert answer.status_code == 401
    assert "access-control-allow-origin" not in answer.headers
    assert client.settled(task).state == "completed"


@contextmanager
def told(running: Running) -> Iterator[tuple[Inbox, Hook]]:
    """Have the suite tell people, by a mail server and a webhook that are real, on loopback."""
    mail, hook = free_port(), free_port()
    settings = {
        "mail": {"host": HOST, "port": mail, "sender": "q@example.org", "security": "none"},
        "webhooks": [{"name": "chat", "url": f"http://{HOST}:{hook}/hook"}],
    }
    file = running.data.root / "notices.yaml"
    file.write_text(yaml.safe_dump(settings))
    file.chmod(0o644)
    try:
        with mail_server(mail) as inbox, hook_server(hook) as received:
            yield inbox, received
    finally:
        file.unlink()


def speaking_key(running: Running) -> OKPKey:
    """Register a sender that may speak for ann; return its key."""
    key = OKPKey.generate_key("Ed25519", {"kid": str(uuid4())})
    ann = {"name": "ann", "roles": ["approver"]}
    listed = {**key.as_dict(private=False), "sender": "chat", "people": [ann]}
    file = running.data.trust / "webhooks.jwks.json"
    file.write_text(json.dumps({"keys": [listed]}))
    file.chmod(0o644)
    return key


def spoken(running: Running, client: Client, approval: int) -> str:
    """Return ann's approval of what is asked, as her sender signs it."""
    shown = client.http.get(f"/approvals/{approval}").json()
    statement = {
        "id": str(uuid4()),
        "at": datetime.now(UTC).isoformat(),
        "person": "ann",
        "approval": approval,
        "decision": "approve",
        "call_digest": shown["call_digest"],
    }
    sender = speaking_key(running)
    header = {"alg": "Ed25519", "kid": str(sender.kid), "typ": DECISION}
    return jws.serialize_compact(header, json.dumps(statement), sender, ["Ed25519"])


def speak(message: str) -> httpx.Response:
    url = f"http://{HOST}:{app('console').app_port}/api/webhooks/decisions"
    return httpx.post(url, json={"jws": message}, timeout=30, trust_env=False)


def test_people_are_told_of_a_held_payment_and_a_signed_webhook_approves_it_once(
    running: Running, client: Client
) -> None:
    with told(running) as (inbox, hook):
        event = client.event(client.upload(clean_invoice()))
        view = client.settled(client.submit(event, anonymous=True))
        assert view.shown == "waiting"
        eventually(lambda: len(inbox.mails) == 2 and len(hook.got) == 1, 30)
        headers, body = hook.got[0]
        key = bytes.fromhex(running.data.webhook_key.read_text())
        check(key, headers, body, datetime.now(UTC))
        about = json.loads(body)["data"]
        message = spoken(running, client, about["approval"])
        first, other = message.rsplit(".", 1)[0], message.rsplit(".", 1)[1]
        assert speak(f"{first}.{other[::-1]}").status_code == 401
        assert speak(message).status_code == 200
        assert speak(message).status_code == 409
        eventually(lambda: client.task(view.id).state == "completed", 60)
        eventually(lambda: len(hook.got) == 2, 30)

    assert about["task"] == view.id
    assert sorted(inbox.recipients)[:2] == ["alice@localhost", "alice@localhost"]
    assert json.loads(hook.got[1][1])["type"] == "quartet.notice.approved.v1"
