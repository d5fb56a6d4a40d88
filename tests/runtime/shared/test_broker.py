"""Every way a task reaches the suite, who it then runs for, and that it runs once."""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from threading import Event

import pytest
import redis
from joserfc import jws
from joserfc.jwk import OKPKey

from packs.payables.payment_run import Entries
from quartet.contracts.base import Fields
from quartet.contracts.view import TaskView
from quartet.runtime.redis import connect
from quartet.trust.digest import task_id
from quartet.trust.signing import ALGORITHMS, signed_part
from tests.suite.client import TOPIC, Client
from tests.suite.invoices import clean_invoice, outcome
from tests.suite.running import Running

pytestmark = pytest.mark.runtime
Way = Callable[[Client, Fields], object]
WAYS: dict[str, Way] = {
    "console": lambda client, event: client.submit(event, anonymous=True),
    "sidecar": Client.publish,
    "dapr-publish": Client.dapr_publish,
    "redis-stream": Client.add_to_stream,
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def id_of(event: Fields) -> str:
    return task_id(str(event["source"]), str(event["id"]))


def effects(client: Client, view: TaskView) -> int:
    """Return how many payments the ledger has of a task."""
    entries = Entries.model_validate(client.operate("list_payments")).payments
    return Counter(entry.effect.partition("/")[0] for entry in entries)[view.id]


def others_are_through(client: Client) -> None:
    """Wait until a task that was submitted now has ended: what came before it was seen."""
    assert outcome(client.settled(client.pay(clean_invoice()))) == "scheduled"


@ways
def test_a_signed_task_runs_as_the_requester_of_its_key(client: Client, way: Way) -> None:
    event = client.signed(client.event(client.upload(clean_invoice())))

    way(client, event)

    view = client.settled(id_of(event))
    assert view.requester == client.requester
    assert (view.state, outcome(view)) == ("completed", "scheduled")
    assert effects(client, view) == 1


@ways
def test_an_unsigned_task_runs_as_anonymous_and_its_effects_wait(client: Client, way: Way) -> None:
    event = client.event(client.upload(clean_invoice()))

    way(client, event)

    view = client.settled(id_of(event))
    assert view.requester == "anonymous"
    assert (view.shown, outcome(view)) == ("waiting", "held-for-approval")
    assert "nobody signed the task" in view.subtasks[-1].outcomes[-1].says
    assert effects(client, view) == 0


def test_a_bare_request_gets_its_envelope_from_the_sidecar(client: Client) -> None:
    event = client.event(client.upload(clean_invoice()), batch="bare-request")

    client.publish(event["data"], media="application/json")

    (view,) = client.batch_settled("bare-request", 1).values()
    assert (view.requester, view.shown) == ("anonymous", "waiting")


def test_a_small_document_may_come_inside_the_event(client: Client) -> None:
    content = b64(clean_invoice())
    event = client.signed(client.event(inline=[{"content": content, "name": "inside.xml"}]))

    client.add_to_stream(event)

    view = client.settled(id_of(event))
    assert outcome(view) == "scheduled"
    assert [document.name for document in view.documents] == ["inside.xml"]


def b64(content: bytes) -> str:
    return b64encode(content).decode()


def altered(client: Client, event: Fields) -> Fields:
    """Change one character in the middle of the signature."""
    signature = str(client.signed(event)["signature"])
    head, _, tail = signature.rpartition(".")
    other = "A" if tail[20] != "A" else "B"
    return event | {"signature": f"{head}.{tail[:20]}{other}{tail[21:]}"}


def key(kid: str) -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid}, private=True)


def by_a_stranger(client: Client, event: Fields) -> Fields:
    return client.signed(event, key("stranger"))


def by_a_stranger_with_the_client_s_name(client: Client, event: Fields) -> Fields:
    return client.signed(event, key(str(client.key.kid)))


def without_naming_the_key(client: Client, event: Fields) -> Fields:
    header = {"alg": "Ed25519"}
    part = signed_part(event)
    return event | {
        "signature": jws.serialize_compact(header, part, client.key, algorithms=ALGORITHMS)
    }


def of_another_event(client: Client, event: Fields) -> Fields:
    other = client.signed(event | {"id": "another-event"})
    return event | {"signature": other["signature"]}


def of_another_goal(client: Client, event: Fields) -> Fields:
    data = event["data"]
    assert isinstance(data, dict)
    other = client.signed(event | {"data": data | {"goal": "Pay twice"}})
    return event | {"signature": other["signature"]}


def without_a_signature(_: Client, event: Fields) -> Fields:
    """An unsecured token, as the algorithm `none` makes it."""
    return event | {"signature": "eyJhbGciOiJub25lIn0.e30."}


@pytest.mark.parametrize(
    "forged",
    [
        altered,
        by_a_stranger,
        by_a_stranger_with_the_client_s_name,
        without_naming_the_key,
        of_another_event,
        of_another_goal,
        without_a_signature,
    ],
)
def test_a_false_signature_is_a_dead_letter_and_no_task(
    client: Client, forged: Callable[[Client, Fields], Fields]
) -> None:
    event = forged(client, client.event(client.upload(clean_invoice())))

    client.publish(event)

    letter = client.dead_letter(str(event["id"])).letter
    assert (letter.reason.title, letter.reason.cause) == ("NotGenuine", "policy")
    assert "client key" in letter.reason.detail
    assert client.http.get(f"/tasks/{id_of(event)}").status_code == 404


def test_the_redis_user_client_may_add_to_task_submitted_and_nothing_else(
    running: Running,
) -> None:
    operator, user = connect(running.data, "operator"), connect(running.data, "client")
    others = [key for key in operator.keys("*") if key != TOPIC]
    assert others
    tries: list[Callable[[], object]] = [
        lambda: user.keys("*"),
        lambda: user.xrange(TOPIC),
        lambda: user.xread({TOPIC: "0"}),
        lambda: user.xtrim(TOPIC, maxlen=0),
        lambda: user.delete(TOPIC),
        lambda: user.xgroup_create(TOPIC, "mine"),
        lambda: user.publish(TOPIC, "x"),
        lambda: user.config_get("*"),
        lambda: user.eval("return 1", 0),
    ]
    for name in others:
        tries += [
            partial(user.get, name),
            partial(user.hgetall, name),
            partial(user.set, name, "x"),
            partial(user.xadd, name, {"data": "{}"}),
            partial(user.delete, name),
        ]

    for attempt in tries:
        with pytest.raises(redis.exceptions.NoPermissionError):
            attempt()

    user.close()
    operator.close()


def test_the_same_event_twice_is_one_task_with_one_effect(client: Client) -> None:
    event = client.signed(client.event(client.upload(clean_invoice()), batch="sent-twice"))

    client.add_to_stream(event)
    client.publish(event)

    (view,) = client.batch_settled("sent-twice", 1).values()
    others_are_through(client)
    assert len(client.tasks("sent-twice")) == 1
    assert client.task(view.id) == client.settled(view.id)
    assert effects(client, view) == 1


@pytest.mark.parametrize("within_s", [0.0, 1.0], ids=["at-once", "within-a-second"])
def test_the_same_event_eight_times_is_one_task_with_one_effect(
    client: Client, within_s: float
) -> None:
    batch = f"eight-times-{within_s:.0f}"
    event = client.signed(client.event(client.upload(clean_invoice()), batch=batch))
    random, never = Random(batch), Event()

    def send(after_s: float) -> None:
        never.wait(after_s)
        client.add_to_stream(event)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, [random.uniform(0, within_s) for _ in range(8)]))

    (view,) = client.batch_settled(batch, 1).values()
    others_are_through(client)
    assert len(client.tasks(batch)) == 1
    assert outcome(view) == "scheduled"
    assert effects(client, view) == 1
    assert started(client.task(view.id)) == 1


def started(view: TaskView) -> int:
    """Return how often the task went from submitted to planning."""
    return sum(move.after == "planning" for move in view.history)


def test_an_event_that_comes_again_after_the_end_changes_nothing(client: Client) -> None:
    event = client.signed(client.event(client.upload(clean_invoice())))
    before = client.settled(client.submit(event))

    for way in WAYS.values():
        way(client, event)

    others_are_through(client)
    assert client.task(before.id) == before
    assert effects(client, before) == 1


def test_a_known_event_id_with_other_content_changes_nothing_and_is_a_dead_letter(
    client: Client,
) -> None:
    event = client.signed(client.event(client.upload(clean_invoice()), batch="first-content"))
    before = client.settled(client.submit(event))
    other = client.event(client.upload(clean_invoice()), batch="second-content")

    client.add_to_stream(client.signed(other | {"id": event["id"]}))

    letter = client.dead_letter("second-content").letter
    assert letter.reason.title == "EventIdReused"
    assert before.id in letter.reason.detail
    assert client.task(before.id) == before
    assert client.tasks("second-content") == ()
