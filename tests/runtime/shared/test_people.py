"""People at the running suite: who comes in, with which role, and whose tasks are shown (V21)."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from quartet.contracts.person import Person, Role
from quartet.runtime.issuer import issuer_of
from quartet.runtime.layout import HOST
from quartet.trust.people import AUDIENCE, LOCAL_ISSUER, Issuer, mint
from tests.suite.client import Client, app
from tests.suite.invoices import clean_invoice
from tests.suite.running import Running

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
