"""`quartet approvals` against a console of its own: what it is asked, and what a person reads."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quartet.contracts.approval import ApprovalView, Decided, Evidence, EvidenceField
from tests.unit.console_stand_in import StandIn, serving
from tests.unit.test_cli_verbs import data, document, quartet, told

__all__ = ["data"]
DIGEST = "sha256:" + "d" * 64
ASKED_AT = datetime(2026, 11, 25, 12, tzinfo=UTC)


def approval(number: int = 7, **other: Any) -> ApprovalView:
    plain: dict[str, Any] = {
        "id": number,
        "state": "waiting",
        "task": "t-" + "1" * 24,
        "subtask": "settle",
        "attempt": 1,
        "slot": 1,
        "tool": "schedule_payment",
        "effect": "pay 20000.00 EUR to Vendor V-1",
        "amount": "20000.00",
        "currency": "EUR",
        "counterparty": "Vendor V-1 (V-1), account DE80",
        "reversible": True,
        "call": {"match": {"iban": "DE80"}},
        "call_digest": DIGEST,
        "tier": "approve",
        "approvers": 2,
        "group": "approvers",
        "why": ("20000.00 EUR is above the limit",),
        "policies": ("above-limit",),
        "version": "v1",
        "confidence": 0.5,
        "asks": "Is it ours?",
        "evidence": (
            Evidence(
                value="val-" + "1" * 16,
                tool="match_invoice",
                producer="toolbox",
                integrity="untrusted-source",
                fields=(EvidenceField(path="iban", integrity="trusted-tool"),),
            ),
        ),
        "alternatives": ("hold_invoice: Hold an invoice.",),
        "on_reject": "It is not done.",
        "on_expiry": "As after a rejection.",
        "requester": "dora",
        "tenant": "default",
        "asked_at": ASKED_AT,
        "expires_at": ASKED_AT + timedelta(days=7),
        "decisions": (
            Decided(person="ann", role="approver", decision="approve", reason="Fits.", at=ASKED_AT),
        ),
    }
    return ApprovalView.model_validate(plain | other)


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with serving(StandIn(approvals={7: approval(), 8: approval(8)})) as one:
        yield one


def test_what_waits_is_listed_with_what_is_alike(stand_in: StandIn, data: Path) -> None:
    shown = quartet(stand_in, data, "approvals", "list")

    assert shown.exit_code == 0, shown.stderr
    assert "pay 20000.00 EUR" in shown.stdout
    assert "approve by 2" in shown.stdout
    assert "40000.00 EUR" in shown.stdout
    assert "approvals show 7" in shown.stderr


def test_a_list_can_be_narrowed_and_be_json(stand_in: StandIn, data: Path) -> None:
    found = document(
        quartet(stand_in, data, "approvals", "list", "--state", "used", "--most", "3", "--json")
    )

    assert found["approvals"] == []
    assert stand_in.asked == {"state": "used", "most": "3"}
    assert "states are waiting" in told(
        quartet(stand_in, data, "approvals", "list", "--state", "x")
    )


def test_a_person_reads_what_is_asked_why_and_what_follows(stand_in: StandIn, data: Path) -> None:
    shown = quartet(stand_in, data, "approvals", "show", "7").stdout

    for part in (
        "pay 20000.00 EUR to Vendor V-1",
        "account DE80",
        "can be undone",
        DIGEST,
        "two different people of approvers",
        "above the limit",
        "above-limit",
        "Is it ours?",
        "50%",
        "iban (trusted-tool)",
        "hold_invoice: Hold an invoice.",
        "It is not done.",
        "approve by ann",
    ):
        assert part in shown, part
    assert json.loads(quartet(stand_in, data, "approvals", "show", "7", "--json").stdout)["id"] == 7


@pytest.mark.parametrize(
    ("words", "decision", "said"),
    [
        (("approve", "7"), "approve", {}),
        (
            ("reject", "7", "--reason", "No.", "--guidance", "Hold it."),
            "reject",
            {"reason": "No.", "guidance": "Hold it."},
        ),
        (("take-over", "7"), "take-over", {}),
        (("resolve", "7", "--reason", "Paid."), "resolve", {"reason": "Paid."}),
    ],
)
def test_a_decision_carries_the_digest_of_what_was_shown(
    stand_in: StandIn, data: Path, words: tuple[str, ...], decision: str, said: dict[str, str]
) -> None:
    answer = document(quartet(stand_in, data, "approvals", *words, "--json"))

    assert answer["id"] == 7
    wanted = {"call_digest": DIGEST, "reason": "", "guidance": ""} | said
    assert stand_in.decided == [(7, decision, wanted)]


def test_who_approves_is_told_that_another_is_needed(stand_in: StandIn, data: Path) -> None:
    shown = quartet(stand_in, data, "approvals", "approve", "7").stdout

    assert shown.splitlines() == [
        "waiting: pay 20000.00 EUR to Vendor V-1",
        "1 of 2 people have approved; it waits for another.",
    ]


def test_a_rejection_needs_its_reason(stand_in: StandIn, data: Path) -> None:
    assert quartet(stand_in, data, "approvals", "reject", "7").exit_code == 2
    assert stand_in.decided == []


def test_an_unknown_approval_is_told_in_one_line(stand_in: StandIn, data: Path) -> None:
    assert "NoSuchApproval" in told(quartet(stand_in, data, "approvals", "approve", "9"))
