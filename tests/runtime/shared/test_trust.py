"""Forged events, proposals, verdicts and tokens against the running suite (V3, V5, V22, ASI07)."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from quartet.contracts.base import Fields
from quartet.contracts.budget import Opening
from quartet.contracts.effect import Commit, Registration
from quartet.contracts.plan import Plan, Slot, Subtask
from quartet.contracts.token import Behalf, Transaction
from quartet.contracts.work import Proposal, Verdict, WorkResult
from quartet.runtime.layout import HOST
from quartet.runtime.redis import SIDECAR, connect
from quartet.runtime.service_keys import publish_keys
from quartet.runtime.shape import shape_of
from quartet.trust.chain import (
    PLAN,
    PROPOSAL,
    VERDICT,
    plan_statement,
    proposal_statement,
    verdict_statement,
)
from quartet.trust.digest import digest, proposal_digest
from quartet.trust.keys import EPOCH_S, Signer, derived, published
from quartet.trust.signing import EVENT, event_statement
from quartet.trust.tokens import write
from tests.suite.client import PACK, Client, app
from tests.suite.here import eventually
from tests.suite.invoices import clean_invoice
from tests.suite.running import Running

pytestmark = pytest.mark.runtime
TOPIC = "subtask-reviewed"
APPS = [one for one in shape_of(PACK).apps if one.has_app]


def seed(running: Running, app_id: str) -> bytes:
    return bytes.fromhex(running.data.signing_seed(app_id).read_text())


def signer(running: Running, app_id: str, now: Callable[[], float] = time.time) -> Signer:
    """Return the signer that an app-id has itself, as whoever stole its seed has it."""
    own = seed(running, app_id)
    return Signer(app_id, lambda: own, now)


@pytest.fixture(scope="module")
def task(running: Running) -> str:
    """Return a task that the suite has brought to its end."""
    done = running.client.pay(clean_invoice())
    running.client.settled(done)
    return done


def audited(client: Client, kind: str) -> list[dict[str, Any]]:
    """Return the bodies of all records of a kind, with their tasks."""
    told = [one for one in client.records() if one["kind"] == kind]
    return [{**one["body"], "task": one["task"]} for one in told]


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def reheaded(signature: str, **changed: object) -> str:
    first, payload, last = signature.split(".")
    header = json.loads(base64.urlsafe_b64decode(first + "==")) | changed
    return f"{encoded(json.dumps(header).encode())}.{payload}.{last}"


def with_hmac(running: Running, signature: str) -> str:
    """Return the signature made again with HS256, the critic's public key as its secret."""
    now = int(time.time()) // EPOCH_S
    public = published(seed(running, "critic"), "critic", now)["x"]
    key = base64.urlsafe_b64decode(str(public) + "==")
    covered = reheaded(signature, alg="HS256").rpartition(".")[0]
    return f"{covered}.{encoded(hmac.digest(key, covered.encode(), 'sha256'))}"


Event = dict[str, Any]
Forge = Callable[[Running, Event], Event]


def _by(app_id: str) -> Forge:
    return lambda running, event: (
        event | {"signature": signer(running, app_id).sign(event_statement(event), EVENT)}
    )


def _changed(**what: object) -> Forge:
    return lambda running, event: _by("critic")(running, event) | what


def _foreign(running: Running, event: Event) -> Event:
    del running
    stranger = Signer("critic", lambda: b"a seed of nobody")
    return event | {"signature": stranger.sign(event_statement(event), EVENT)}


def _foreign_kid(running: Running, event: Event) -> Event:
    now = int(time.time()) // EPOCH_S
    kid = published(seed(running, "critic"), "critic", now)["kid"]
    good = reheaded(str(_foreign(running, event)["signature"]), kid=kid)
    covered = good.rpartition(".")[0]
    false = derived(b"a seed of nobody", "critic", now).sign(covered.encode())
    return event | {"signature": f"{covered}.{encoded(false)}"}


def _expired(running: Running, event: Event) -> Event:
    """Sign with a key that the suite published three days ago, when it would have been right."""
    then = time.time() - 3 * EPOCH_S
    publish_keys(running.data, then)
    old = signer(running, "critic", lambda: then)
    return event | {"signature": old.sign(event_statement(event), EVENT)}


FORGED: dict[str, Forge] = {
    "unsigned": lambda _, event: event,
    "wrong-source": _changed(source="/coordinator"),
    "signed-by-a-specialist": _by("specialist-finance"),
    "signed-by-the-coordinator": _by("coordinator"),
    "foreign-key": _foreign,
    "foreign-key-under-a-known-kid": _foreign_kid,
    "expired-epoch": _expired,
    "body-changed": _changed(data={"verdict": "accept"}),
    "id-changed": _changed(id="another"),
    "alg-none": lambda running, event: (
        event | {"signature": reheaded(_by("critic")(running, event)["signature"], alg="none")}
    ),
    "hs256-with-the-public-key": lambda running, event: (
        event | {"signature": with_hmac(running, _by("critic")(running, event)["signature"])}
    ),
    "unknown-crit": lambda running, event: (
        event | {"signature": reheaded(_by("critic")(running, event)["signature"], crit=["b64"])}
    ),
    "embedded-jwk": lambda running, event: (
        event
        | {
            "signature": reheaded(
                _foreign(running, event)["signature"],
                jwk=published(b"a seed of nobody", "critic", int(time.time()) // EPOCH_S),
            )
        }
    ),
}


def added(running: Running, topic: str, event: Event) -> None:
    """Write an entry straight into a stream, as whoever has the broker's password can."""
    redis = connect(running.data, SIDECAR)
    redis.xadd(topic, {"data": json.dumps(event).encode()})
    redis.close()


def verdict(task: str, marker: str) -> Event:
    """Return the event of a verdict on a real subtask that the critic never gave."""
    return {
        "specversion": "1.0",
        "id": marker,
        "source": "/critic",
        "type": "quartet.subtask.reviewed.v1",
        "datacontenttype": "application/json",
        "data": {
            "task": task,
            "subtask": "settle",
            "attempt": 1,
            "proposal_digest": digest(marker),
            "decision": "accept",
            "reasons": [f"forged {marker}"],
            "by": "critic",
            "signature": "",
        },
    }


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_event_on_the_broker_is_buried_and_on_record(
    running: Running, client: Client, task: str, name: str
) -> None:
    marker = f"forged-{name}-{uuid4().hex[:8]}"
    event = FORGED[name](running, verdict(task, marker))
    event["marker"] = marker

    added(running, TOPIC, event)

    letter = client.dead_letter(marker)
    assert letter.letter.reason.title == "EventNotGenuine"
    told = [one for one in audited(client, "event-refused") if one["event"] == ascii(event["id"])]
    assert all(one["reason"] for one in told)
    assert told
    assert not any("forged" in r for s in client.task(task).subtasks for r in reasons(s.verdict))


def reasons(given: Verdict | None) -> tuple[str, ...]:
    return given.reasons if given else ()


def test_the_critic_s_own_event_with_a_verdict_that_it_did_not_sign_is_buried(
    running: Running, client: Client, task: str
) -> None:
    marker = f"inner-{uuid4().hex[:8]}"

    added(running, TOPIC, _by("critic")(running, verdict(task, marker)))

    assert client.dead_letter(marker).letter.reason.title == "EventNotGenuine"


def test_a_forged_end_of_a_task_is_not_told_to_clients(running: Running, client: Client) -> None:
    marker = f"t-{uuid4().hex[:24]}"
    event = {
        "specversion": "1.0",
        "id": marker,
        "source": "/coordinator",
        "type": "quartet.task.completed.v1",
        "data": {"task": marker, "state": "completed", "summary": "forged"},
    }

    added(running, "task-completed", event)

    client.dead_letter(marker)
    events = client.http.get("/events", params={"after": "0", "wait_s": "0"}).json()["events"]
    assert not any(marker in json.dumps(one) for one in events)


def test_a_genuine_event_that_is_replayed_changes_nothing(
    running: Running, client: Client, task: str
) -> None:
    redis = connect(running.data, SIDECAR)
    stream: Any = redis.xrange(TOPIC)
    redis.close()
    events: list[Event] = [json.loads(fields["data"]) for _, fields in stream]
    said = next(one for one in events if str(one.get("id")).startswith(f"{task}.settle."))
    before = client.task(task)
    applied = len(audited(client, "effect-applied"))

    added(running, TOPIC, said)
    added(running, TOPIC, said)

    later = client.pay(clean_invoice())
    client.settled(later)
    assert client.task(task) == before
    assert len(audited(client, "effect-applied")) == applied + 1


SETTLE = Subtask(
    id="settle",
    kind="settle-invoice",
    goal="Settle it.",
    slots=(Slot(number=1, tools=("ask_about_invoice",)),),
)
ASKED = Plan(subtasks=(SETTLE,))


class Custody:
    """A registered plan of a made-up task, and commits on it signed by whom a test likes."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.task = f"t-{uuid4().hex[:24]}"
        opening = Opening(task=self.task, requester=running.client.requester)
        self.told("budgets", opening.model_dump(mode="json"), 200)
        bare = Registration(task=self.task, requester=running.client.requester, plan=ASKED)
        self.registration = bare
        signature = signer(running, "coordinator").sign(plan_statement(bare), PLAN)
        signed = bare.model_copy(update={"signature": signature})
        self.told("plans", signed.model_dump(mode="json"), 200)

    def told(self, verb: str, sent: Fields, status: int) -> Fields:
        """Call the toolbox as the coordinator's own sidecar."""
        answer = self.running.invoke("coordinator", "toolbox", verb, sent)
        assert answer.status_code == status, answer.text
        body: Fields = answer.json()
        return body

    def commit(
        self, proposes: str = "specialist-finance", judges: str = "critic", on: str = "this"
    ) -> Commit:
        """Return a commit; empty names sign nothing."""
        result = WorkResult(
            decision="ask",
            proposals=(Proposal(slot=1, tool="ask_about_invoice", arguments={"reason": "Ours?"}),),
        )
        plan = digest(ASKED)
        named = proposal_digest(plan, self.task, "settle", 1, result)
        proposed = proposal_statement(self.task, plan, named)
        given = Verdict(
            task=self.task,
            subtask="settle",
            attempt=1,
            proposal_digest=named if on == "this" else digest(on),
            decision="accept",
        )
        return Commit(
            task=self.task,
            subtask="settle",
            attempt=1,
            slot=1,
            plan=plan,
            result=result,
            signature=self._signed(proposes, proposed, PROPOSAL),
            verdict=given.model_copy(
                update={"signature": self._signed(judges, verdict_statement(given), VERDICT)}
            ),
        )

    def _signed(self, by: str, statement: Fields, typ: str) -> str:
        return signer(self.running, by).sign(statement, typ) if by else ""


@pytest.mark.parametrize(
    ("how", "title"),
    [
        ({"proposes": ""}, "ProposalNotSigned"),
        ({"proposes": "specialist-documents"}, "ProposalNotSigned"),
        ({"proposes": "coordinator"}, "ProposalNotSigned"),
        ({"judges": ""}, "VerdictNotGenuine"),
        ({"judges": "specialist-finance"}, "VerdictNotGenuine"),
        ({"judges": "coordinator"}, "VerdictNotGenuine"),
        ({"on": "another proposal"}, "VerdictMismatch"),
    ],
)
def test_a_proposal_without_its_genuine_verdict_has_no_effect(
    running: Running, client: Client, how: dict[str, str], title: str
) -> None:
    custody = Custody(running)
    forged = custody.commit(**how).model_dump(mode="json")

    problem = custody.told("commit", forged, 403)

    assert problem["title"] == title
    assert not [r for r in audited(client, "effect-applied") if r["task"] == custody.task]
    assert [r for r in audited(client, "commit-refused") if r["task"] == custody.task]


def test_the_same_with_the_whole_chain_is_carried_out(running: Running) -> None:
    custody = Custody(running)

    custody.told("commit", custody.commit().model_dump(mode="json"), 200)


def test_a_plan_that_the_coordinator_did_not_sign_is_not_registered(running: Running) -> None:
    custody = Custody(running)
    mine = custody.registration.model_copy(update={"task": f"t-{uuid4().hex[:24]}"})
    signature = signer(running, "planner").sign(plan_statement(mine), PLAN)
    forged = mine.model_copy(update={"signature": signature}).model_dump(mode="json")

    assert custody.told("plans", forged, 403)["title"] == "PlanNotSigned"


def shown(
    running: Running, caller: str, token: str, path: str = "", **headers: str
) -> httpx.Response:
    """Call a read tool of the toolbox through a caller's own sidecar, with a token."""
    url = f"http://{HOST}:{app(caller).http_port}/v1.0/invoke/toolbox/method"
    return httpx.post(
        f"{url}{path or f'/callers/{caller}/tools/check_invoice'}",
        json={"task": T1, "subtask": "settle", "attempt": 1, "arguments": {"invoice": NOTHING}},
        headers={
            "dapr-api-token": running.data.api_token(caller).read_text().strip(),
            "txn-token": token,
            **headers,
        },
        timeout=30,
        trust_env=False,
    )


T1 = "t-" + "7" * 24
NOTHING = "$val-" + "0" * 16
LIVE = Transaction(
    task=T1,
    subtask="settle",
    attempt=1,
    skill="specialist.settle-invoice",
    tools=("check_invoice",),
)
BEHALF = Behalf(requester="nobody", tenant="default")


def minted(
    running: Running, to: str, by: str = "coordinator", ago: float = 0, **changed: object
) -> str:
    """Return a token as the coordinator would issue it, or somebody who would like to be it."""
    then = time.time() - ago
    step = LIVE.model_copy(update=changed)
    return write(signer(running, by, lambda: then), to, step, BEHALF, lambda: then).token


def test_the_toolbox_takes_a_token_of_the_coordinator_from_its_own_caller(running: Running) -> None:
    answer = shown(running, "specialist-finance", minted(running, "specialist-finance"))

    assert (answer.status_code, answer.json()["title"]) == (422, "UnknownReference")


@pytest.mark.parametrize(
    ("to", "how"),
    [
        ("critic", {}),
        ("specialist-documents", {}),
        ("specialist-finance", {"by": "specialist-finance"}),
        ("specialist-finance", {"by": "critic"}),
        ("specialist-finance", {"ago": 301.0}),
        ("specialist-finance", {"task": "t-" + "8" * 24}),
        ("specialist-finance", {"subtask": "read"}),
        ("specialist-finance", {"attempt": 2}),
        ("specialist-finance", {"tools": ("match_invoice",)}),
    ],
    ids=[
        "replayed-from-the-critic",
        "of-another-specialist",
        "self-made",
        "made-by-the-critic",
        "expired",
        "another-task",
        "another-subtask",
        "another-attempt",
        "another-tool",
    ],
)
def test_a_token_that_is_not_for_this_call_is_refused_and_on_record(
    running: Running, client: Client, to: str, how: dict[str, Any]
) -> None:
    before = len(audited(client, "token-refused"))

    answer = shown(running, "specialist-finance", minted(running, to, **how))

    assert (answer.status_code, answer.json()["title"]) == (403, "TokenRefused")
    eventually(lambda: len(audited(client, "token-refused")) > before)


def test_without_a_token_nothing_is_read(running: Running) -> None:
    assert shown(running, "specialist-finance", "").json()["title"] == "TokenRefused"


def test_a_forged_caller_header_lends_nobody_a_name(running: Running) -> None:
    token = minted(running, "critic")
    forged = {"dapr-caller-app-id": "critic", "dapr-caller-namespace": "default"}

    own_path = shown(running, "specialist-finance", token, **forged)
    other_path = shown(running, "specialist-finance", token, "/callers/critic/tools/check_invoice")

    assert (own_path.status_code, own_path.json()["title"]) == (403, "TokenRefused")
    assert other_path.status_code == 403


@pytest.mark.parametrize(
    "caller", ["specialist-documents", "specialist-finance", "critic", "planner"]
)
def test_nobody_gets_a_token_for_a_step_that_is_over(
    running: Running, task: str, caller: str
) -> None:
    for subtask, attempt in (("read", 1), ("settle", 1), ("settle", 2), ("plan", 0)):
        wanted: Fields = {"task": task, "subtask": subtask, "attempt": attempt}
        answer = running.invoke(caller, "coordinator", "tokens", wanted)
        assert (answer.status_code, answer.json()["title"]) == (403, "TokenRefused")


def test_no_token_and_no_seed_is_in_a_log_in_workflow_history_or_in_a_database(
    running: Running, task: str
) -> None:
    seeds = [running.data.signing_seed(one.app_id).read_bytes().strip() for one in APPS]
    header = minted(running, "critic").partition(".")[0].encode()
    root = running.data.root
    kept = [*root.glob("logs/*.log"), *root.glob("redis/**/*.aof"), *root.glob("*/*.db*")]

    found = [path for path in kept for one in (header, *seeds) if one in path.read_bytes()]

    assert any(task.encode() in path.read_bytes() for path in kept if path.suffix == ".aof")
    assert found == []
