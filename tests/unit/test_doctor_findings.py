"""What the doctor makes of what it saw; the looking itself is tried on a running suite."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quartet.runtime.certificates import Certificate
from quartet.runtime.components import components
from quartet.runtime.doctor import findings
from quartet.runtime.layout import App
from tests.suite.here import SHAPE

NOW = datetime(2026, 11, 25, tzinfo=UTC)
PLANNER, CLIENT, COORDINATOR = (
    next(app for app in SHAPE.apps if app.app_id == name)
    for name in ("planner", "client", "coordinator")
)


def certificate(minutes: float, *names: str) -> findings.Finding:
    shown = Certificate(names, NOW - timedelta(minutes=30), NOW + timedelta(minutes=minutes))
    return findings.certificate(PLANNER, shown, NOW, 60)


def test_a_certificate_is_good_while_it_holds_and_names_its_app_alone() -> None:
    own, other = "spiffe://public/ns/default/planner", "spiffe://public/ns/default/critic"

    assert certificate(42, own).state == "protected"
    assert certificate(42, own).seen == f"{own}, 42 min left"
    for bad in (certificate(-1, own), certificate(1440, own), certificate(42, other)):
        assert bad.state == "open"
        assert bad.todo
    assert certificate(42, own, other).state == "open"


def told(app: App) -> dict[str, Any]:
    names = [
        document["metadata"]["name"]
        for document in components(SHAPE).values()
        if document["kind"] == "Component" and app.app_id in document.get("scopes", [app.app_id])
    ]
    return {
        "enabledFeatures": ["WorkflowHistorySigning"],
        "workflowAccessPolicies": [{"name": f"workflow-access-{app.app_id}"}],
        "components": [{"name": name} for name in names],
    }


def states(app: App, metadata: dict[str, Any]) -> dict[str, str]:
    return {one.check: one.state for one in findings.metadata(app, SHAPE, metadata)}


def test_a_sidecar_that_has_loaded_everything_is_protected() -> None:
    assert states(PLANNER, told(PLANNER)) == {
        "component scopes": "protected",
        "workflow policy": "protected",
        "history signing": "protected",
    }


@pytest.mark.parametrize(
    ("check", "hole"),
    [
        ("history signing", {"enabledFeatures": []}),
        ("history signing", {"enabledFeatures": None}),
        ("workflow policy", {"workflowAccessPolicies": None}),
        ("workflow policy", {"workflowAccessPolicies": [{"name": "workflow-access-critic"}]}),
        ("workflow policy", {"enabledFeatures": ["WorkflowHistorySigning", "HotReload"]}),
        ("component scopes", {"components": []}),
        ("component scopes", {"components": [{"name": "verdicts"}]}),
    ],
)
def test_each_thing_that_is_not_loaded_is_open(check: str, hole: dict[str, Any]) -> None:
    assert states(PLANNER, told(PLANNER) | hole)[check] == "open"


def test_the_coordinator_is_asked_for_no_policy_and_the_client_for_no_signing() -> None:
    assert "workflow policy" not in states(COORDINATOR, told(COORDINATOR))
    assert set(states(CLIENT, told(CLIENT))) == {"component scopes"}


def sockets(address: str) -> list[tuple[str, int]]:
    return [(address, port) for name, port in PLANNER.ports.items() if "metrics" not in name]


def test_ports_are_good_on_loopback_only_and_when_somebody_listens() -> None:
    assert findings.loopback(PLANNER, sockets("127.0.0.1")).state == "protected"
    for bad in (
        sockets("0.0.0.0"),
        sockets("127.0.0.1")[1:],
        [*sockets("127.0.0.1"), ("::", PLANNER.app_port)],
        [],
    ):
        assert findings.loopback(PLANNER, bad).state == "open"


def test_a_door_that_lets_one_try_in_is_open_and_names_it() -> None:
    answers = {"/a": 401, "/a with a wrong token": 200}

    bad = findings.refused(PLANNER, "app door", answers, (401,))

    assert (bad.state, bad.seen) == ("open", "/a with a wrong token: 200")
    assert findings.refused(PLANNER, "app door", {"/a": 401}, (401,)).state == "protected"


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (403, "access control policy has denied access to id: x", "protected"),
        (403, "NotYourPath", "open"),
        (404, "not found", "open"),
        (200, "access control policy", "open"),
    ],
)
def test_only_the_access_control_s_own_refusal_counts(status: int, body: str, state: str) -> None:
    assert findings.denied(PLANNER, "console", status, body).state == state


@pytest.mark.parametrize(
    ("uid", "why_not", "state"),
    [
        (61102, "", "protected"),
        (61101, "", "open"),
        (0, "", "open"),
        (None, "", "open"),
        (0, "it was not started by root", "open"),
    ],
)
def test_a_user_of_its_own_is_nobody_else_s(uid: int | None, why_not: str, state: str) -> None:
    finding = findings.own_user(PLANNER, uid, {61101, 61103}, why_not)

    assert finding.state == state
    assert why_not in finding.seen


@pytest.mark.parametrize(("mode", "state"), [("enforce", "protected"), ("log-only", "open")])
def test_a_policy_that_is_only_logged_protects_nothing(mode: str, state: str) -> None:
    assert findings.policy_mode(PLANNER, mode).state == state
