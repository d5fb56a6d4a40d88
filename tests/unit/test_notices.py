"""Notices: whom they go to, that they really arrive, each under one id, and what they never say."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from quartet.contracts.approval import ApprovalRequested
from quartet.contracts.base import Fields
from quartet.contracts.person import People
from quartet.trust.signing import NotGenuine
from quartet.trust.webhooks import check
from services.console.notices.outbox import PATIENCE, Outbox
from services.console.notices.routing import Notices, Webhook
from services.console.notices.tables import NoticeRow
from tests.seeds import named
from tests.unit.notices_desk import (
    IBAN,
    KEY,
    NOW,
    PASSWORD,
    Desk,
    Hook,
    desk,
    ended,
    free_port,
    hook_server,
    mail_server,
    migrated,
    person,
    requested,
)

SUCCESS = {"status": "SUCCESS"}
RETRY = {"status": "RETRY"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = migrated(tmp_path)
    yield made
    made.dispose()


@pytest.fixture
def at(tmp_path: Path, engine: Engine) -> Desk:
    return desk(tmp_path, engine)


def by_mail(port: int) -> Fields:
    return {"host": "127.0.0.1", "port": port, "sender": "q@example.org", "security": "none"}


def by_hook(port: int) -> list[Fields]:
    return [{"name": "chat", "url": f"http://127.0.0.1:{port}/hook"}]


def test_the_people_of_the_asked_group_and_tenant_get_a_mail(at: Desk) -> None:
    port = free_port()
    at.settings(mail=by_mail(port))

    with mail_server(port) as inbox:
        assert at.posting.asked(requested()) == SUCCESS
        at.later()

    assert sorted(inbox.recipients) == ["alice@example.org", "bob@example.org"]
    assert {mail["Subject"] for mail in inbox.mails} == {"[quartet] Approval 7 waits for you"}
    assert "quartet approvals show 7" in inbox.mails[0].get_content()


def test_a_webhook_gets_a_signed_event(at: Desk) -> None:
    port = free_port()
    at.settings(webhooks=by_hook(port))

    with hook_server(port) as hook:
        at.posting.asked(requested())
        at.later()

    ((headers, body),) = hook.got
    event = json.loads(body)
    assert check(bytes.fromhex(KEY), headers, body, at.now) == event["id"]
    assert (event["type"], event["data"]["state"]) == ("quartet.notice.asked.v1", "waiting")
    assert event["data"]["approval"] == 7


def test_no_notice_says_an_amount_an_account_or_a_secret(at: Desk) -> None:
    mail, hook = free_port(), free_port()
    at.settings(mail=by_mail(mail), webhooks=by_hook(hook))

    with mail_server(mail) as inbox, hook_server(hook) as receiver:
        at.posting.asked(requested())
        at.posting.decided(ended())
        at.later()

    said = [m.as_string() for m in inbox.mails]
    said += [f"{headers} {body.decode()}" for headers, body in receiver.got]
    assert len(said) == 6
    for text in said:
        for kept in (IBAN, "12000", "EUR", KEY, PASSWORD):
            assert kept not in text


def test_a_receiver_that_is_down_at_first_gets_each_message_once_under_one_id(at: Desk) -> None:
    mail, hook = free_port(), free_port()
    at.settings(mail=by_mail(mail), webhooks=by_hook(hook))
    at.posting.asked(requested())
    at.later()
    at.later(seconds=10)

    with mail_server(mail) as inbox, hook_server(hook) as receiver:
        at.later(minutes=1)
        at.later(days=0, hours=1)

    assert len(inbox.mails) == 2
    assert len(receiver.got) == 1


def test_a_webhook_that_refuses_is_asked_again_with_the_same_id(at: Desk) -> None:
    port, hook = free_port(), Hook(answer=500)
    at.settings(webhooks=by_hook(port))
    at.posting.asked(requested())

    with hook_server(port, hook):
        at.later()
        hook.answer = 302
        at.later(minutes=1)
        hook.answer = 200
        at.later(minutes=1)
        at.later(hours=1)

    assert len({headers["webhook-id"] for headers, _ in hook.got}) == 1
    assert len(hook.got) == 3


def test_what_is_owed_survives_a_crash_right_after_the_event(
    at: Desk, tmp_path: Path, engine: Engine
) -> None:
    port = free_port()
    at.settings(mail=by_mail(port))
    at.posting.asked(requested())
    engine.dispose()

    with mail_server(port) as inbox:
        desk(tmp_path, engine).later(seconds=1)

    assert len(inbox.mails) == 2


def test_an_event_is_acknowledged_only_once_it_is_kept(at: Desk) -> None:
    with at.posting.outbox._engine.connect() as other:
        other.exec_driver_sql("PRAGMA busy_timeout=1")
        other.exec_driver_sql("DROP TABLE notices")
        other.exec_driver_sql("COMMIT")
    at.settings(webhooks=by_hook(1))

    assert at.posting.asked(requested()) == RETRY


def test_an_event_that_comes_again_tells_nobody_twice(at: Desk) -> None:
    port = free_port()
    at.settings(webhooks=by_hook(port))

    with hook_server(port) as hook:
        for _ in range(3):
            at.posting.asked(requested())
            at.posting.decided(ended())
            at.later(seconds=1)

    kinds = [json.loads(body)["type"] for _, body in hook.got]
    assert sorted(kinds) == ["quartet.notice.approved.v1", "quartet.notice.asked.v1"]


def test_another_group_that_is_asked_is_told_once(at: Desk, tmp_path: Path) -> None:
    port = free_port()
    listed = [person("alice"), person("tess", "treasury")]
    (tmp_path / "people.yaml").write_text(yaml.safe_dump({"people": listed}))
    at.settings(mail=by_mail(port))

    with mail_server(port) as inbox:
        for group in ("approvers", "treasury", "treasury", "approvers"):
            at.posting.asked(requested(group=group))
            at.later(seconds=1)

    told = ["alice@example.org", "tess@example.org", "alice@example.org"]
    assert inbox.recipients == told


def test_an_end_that_is_heard_first_leaves_nobody_asked(at: Desk) -> None:
    port = free_port()
    at.settings(webhooks=by_hook(port))

    with hook_server(port) as hook:
        at.posting.decided(ended())
        at.posting.asked(requested())
        at.later(days=2)

    assert hook.got == []


def test_an_event_without_its_data_is_no_news(at: Desk, engine: Engine) -> None:
    at.settings(webhooks=by_hook(1))

    assert at.posting.asked({"source": "/toolbox", "data": {"approval": "x"}}) == SUCCESS

    with Session(engine) as session:
        assert session.query(NoticeRow).count() == 0


def test_people_are_reminded_until_it_is_decided(at: Desk) -> None:
    port = free_port()
    at.settings(webhooks=by_hook(port), remind_after_s=3600)
    at.posting.asked(requested())

    with hook_server(port) as hook:
        at.later()
        at.later(minutes=59)
        assert len(hook.got) == 1
        at.later(minutes=1)
        at.later(hours=1)
        at.posting.decided(ended(state="rejected"))
        at.later(hours=5)

    kinds = [json.loads(body)["type"].split(".")[2] for _, body in hook.got]
    assert kinds == ["asked", "reminder", "reminder", "rejected"]


def test_nobody_is_reminded_of_what_has_expired(at: Desk) -> None:
    port = free_port()
    at.settings(webhooks=by_hook(port), remind_after_s=3600)
    at.posting.asked(requested(expires_at=(NOW + timedelta(hours=1)).isoformat()))

    with hook_server(port) as hook:
        at.later()
        at.later(hours=1)
        at.later(days=3)

    assert len(hook.got) == 1


def test_a_notice_is_given_up_in_the_end(at: Desk, engine: Engine) -> None:
    at.settings(webhooks=by_hook(free_port()), remind_after_s=10**7)
    at.posting.asked(requested())
    for _ in range(PATIENCE.attempts):
        at.later(seconds=PATIENCE.most)

    with Session(engine) as session:
        (row,) = session.query(NoticeRow)
        assert (row.due_at, row.sent_at, row.failures) == (None, None, PATIENCE.attempts)
        assert row.error.startswith("WebhookAway")


def test_a_broken_file_tells_nobody_now_and_reminders_tell_later(at: Desk) -> None:
    port = free_port()
    at.settings(no_such_setting=1)
    assert at.posting.asked(requested()) == SUCCESS
    at.later()
    at.settings(webhooks=by_hook(port))

    with hook_server(port) as hook:
        at.later(days=1)

    assert [json.loads(body)["type"] for _, body in hook.got] == ["quartet.notice.reminder.v1"]


def test_one_replica_sends_at_a_time(at: Desk, engine: Engine) -> None:
    outbox = Outbox(engine)

    assert outbox.leased("one", NOW)
    assert not outbox.leased("two", NOW)
    assert outbox.leased("one", NOW + timedelta(seconds=20))
    assert not outbox.leased("two", NOW + timedelta(seconds=40))
    assert outbox.leased("two", NOW + timedelta(seconds=60))
    del at


ROUTES: list[tuple[dict[str, object], dict[str, Any], set[str]]] = [
    ({}, {}, {"alice@x", "bob@x", "chat"}),
    ({"people": ["tess"]}, {}, {"tess@x"}),
    ({"groups": ["treasury"], "webhooks": ["chat"]}, {}, {"tess@x", "chat"}),
    ({"tools": ["other_tool"], "people": ["tess"]}, {}, {"alice@x", "bob@x", "chat"}),
    ({"at_least": "12000.00", "people": ["tess"]}, {}, {"tess@x"}),
    ({"at_least": "12000.01", "people": ["tess"]}, {}, {"alice@x", "bob@x", "chat"}),
    ({"at_least": "99999.00", "people": ["tess"]}, {"amount": None}, {"tess@x"}),
    ({"tenants": ["default"], "asked": ["approvers"], "mail": False}, {}, set()),
    ({"people": ["eve"]}, {}, set()),
    ({"people": ["eve", "alice"]}, {"tenant": "other"}, {"eve@x"}),
    ({"webhooks": ["gone"], "mail": False}, {}, set()),
]


@pytest.mark.parametrize(("route", "asked", "told"), ROUTES, ids=named)
def test_a_route_says_who_is_told(
    route: dict[str, object], asked: dict[str, Any], told: set[str]
) -> None:
    listed = [
        person("alice"),
        person("bob"),
        person("tess", "treasury"),
        person("eve", "x", "other"),
    ]
    people = People.model_validate({"people": listed})
    notices = Notices.model_validate(
        {"mail": by_mail(25), "webhooks": by_hook(1), "routes": [route] if route else []}
    )
    one = ApprovalRequested.model_validate(requested(**asked)["data"])

    found = {target.replace("example.org", "x") for _, target in notices.targets(one, people)}

    assert found == told


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "ftp://example.org",
        "http://127.0.0.1.example.org/",
        "http://localhost.example.org/",
        "https://a b",
        "http://127.0.0.1:80@example.org/",
        "javascript:x",
    ],
)
def test_a_webhook_leaves_this_machine_over_https_only(url: str) -> None:
    with pytest.raises(ValidationError):
        Webhook(name="chat", url=url)


def test_a_changed_a_late_and_a_foreign_message_are_not_genuine(at: Desk) -> None:
    port = free_port()
    at.settings(webhooks=by_hook(port))
    with hook_server(port) as hook:
        at.posting.asked(requested())
        at.later()
    ((headers, body),) = hook.got
    key = bytes.fromhex(KEY)

    for changed, sent, used, now in (
        (headers, body + b" ", key, at.now),
        (headers | {"webhook-id": "n-other"}, body, key, at.now),
        (headers | {"webhook-timestamp": "1"}, body, key, at.now),
        (headers, body, b"another", at.now),
        (headers, body, key, at.now + timedelta(minutes=6)),
        ({}, body, key, at.now),
    ):
        with pytest.raises(NotGenuine):
            check(used, changed, sent, now)
