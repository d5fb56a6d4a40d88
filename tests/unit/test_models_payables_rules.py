import json
from collections.abc import Iterator
from typing import Any

import jmespath
import pytest
import yaml

from quartet.contracts.base import Fields, Json
from quartet.contracts.plan import Kind, Plan
from quartet.contracts.work import WorkResult
from quartet.packs.load import load
from quartet.packs.tool import Tool
from quartet.resilience.failures import Abandon
from services.models.check import schema_faults
from tests.unit.payables_desk import (
    CHECKED,
    DIGEST,
    MATCHED,
    READING,
    Desk,
    checked,
    desk,
    evidence,
    matched,
    stored,
)

PACK = load("payables")
BROKEN: Fields = {"rule": "BR-CO-15", "says": "BT-112", "expected": "2.00", "stated": "1.00"}
BRANCHES: list[tuple[str, str, Fields, Fields]] = [
    ("pay", "schedule_payment", checked(), matched()),
    ("pay", "schedule_payment", checked(), matched(is_duplicate=True, duplicate_of="t-1")),
    ("credit", "schedule_credit", checked(), matched(kind="credit", order_number=None)),
    (
        "hold",
        "hold_invoice",
        checked(arithmetic_holds=False, findings=[BROKEN]),
        matched(arithmetic_holds=False, clear=False, reasons=["the totals do not follow"]),
    ),
    (
        "hold",
        "hold_invoice",
        checked(),
        matched(vendor_known=False, vendor_active=False, clear=False, reasons=["not known"]),
    ),
    ("hold", "hold_invoice", checked(), matched(vendor_active=False, clear=False, reasons=["b"])),
    ("hold", "hold_invoice", checked(), matched(bank_details_match=False, clear=False)),
    ("hold", "hold_invoice", checked(iban_valid=False), matched()),
    ("hold", "hold_invoice", checked(), matched(within_tolerance=False, clear=False)),
    ("hold", "hold_invoice", checked(), matched(order_open=False, clear=False, reasons=["shut"])),
    ("hold", "hold_invoice", checked(), matched(clear=False, reasons=["nothing to pay"])),
    ("ask", "ask_about_invoice", checked(), matched(currency_match=False, clear=False)),
    (
        "ask",
        "ask_about_invoice",
        checked(),
        matched(order_found=False, order_open=False, within_tolerance=False, clear=False),
    ),
]


def tool(name: str) -> Tool:
    return PACK.tools[name]


def proposal(answer: Fields) -> Fields:
    (one,) = WorkResult.model_validate(answer).proposals
    return one.model_dump(mode="json")


def test_a_plan_reads_the_document_and_settles_it_in_one_slot() -> None:
    task: Json = {"goal": "Pay what is due.", "documents": [{"digest": DIGEST, "size": 9}]}

    answer = Desk({}).ask("planner.draft_plan", {"task": task, "kinds": [], "tools": []})

    plan = Plan.model_validate(answer)
    kinds = {s.kind: Kind(s.may_propose, s.decisions) for s in PACK.manifest.skills}
    assert plan.problems(kinds, PACK.of_kind("write"), [DIGEST]) == ()
    assert [(s.kind, s.documents) for s in plan.subtasks] == [
        ("read-invoice", (DIGEST,)),
        ("settle-invoice", ()),
    ]
    assert set(plan.subtasks[1].slots[0].tools) == set(PACK.skill("settle-invoice").may_propose)


def test_a_plan_for_two_documents_is_beyond_the_rules_and_says_so() -> None:
    task: Json = {"goal": "Pay.", "documents": [{"digest": DIGEST}, {"digest": DIGEST}]}

    with pytest.raises(Abandon, match=r"planner\.draft_plan") as refused:
        Desk({}).ask("planner.draft_plan", {"task": task})

    assert refused.value.failure.cause == "model"


@pytest.mark.parametrize(
    ("subtasks", "says"),
    [
        ([{"id": "settle", "outcomes": ["pay 1.00 EUR"], "decision": "pay"}], "pay 1.00 EUR"),
        ([{"id": "read", "state": "failed", "outcomes": []}], "read did not succeed"),
        ([{"id": "read", "state": "done", "outcomes": [], "decision": "invoice"}], "invoice"),
    ],
)
def test_the_summary_says_what_the_subtasks_came_to(subtasks: Json, says: str) -> None:
    answer = Desk({}).ask("planner.synthesize", {"task": {}, "subtasks": subtasks})

    assert says in str(answer["summary"])


@pytest.mark.parametrize("kind", ["invoice", "credit-note"])
def test_a_reading_takes_its_kind_from_the_result(kind: str) -> None:
    at = Desk({"read_einvoice": {"value": READING, "result": {"kind": kind, "syntax": "cii"}}})

    result = WorkResult.model_validate(at.read())

    assert at.calls == [("read_einvoice", {"document": DIGEST})]
    assert (result.decision, result.values, result.proposals) == (kind, (READING,), ())


def test_a_document_that_cannot_be_read_is_unreadable_for_the_tools_reason() -> None:
    detail = "A tag is closed wrongly. Ask the sender for a corrected e-invoice."
    at = Desk({"read_einvoice": {"error": {"title": "UnreadableDocument", "detail": detail}}})

    result = WorkResult.model_validate(at.read())

    assert (result.decision, result.summary, result.values) == ("unreadable", detail, ())
    assert result.decision in PACK.skill("read-invoice").fails


@pytest.mark.parametrize(("decision", "effect", "check", "match"), BRANCHES)
def test_the_findings_decide_the_effect(
    decision: str, effect: str, check: Fields, match: Fields
) -> None:
    at = desk(check, match)

    answer = at.settle()

    reference = {"invoice": f"${READING}"}
    assert at.calls == [("check_invoice", reference), ("match_invoice", reference)]
    assert (answer["decision"], proposal(answer)["tool"]) == (decision, effect)
    assert answer["values"] == [CHECKED, MATCHED]
    assert schema_faults(proposal(answer)["arguments"], tool(effect).schema) == []
    assert decision in PACK.skill("settle-invoice").decisions


@pytest.mark.parametrize(("decision", "effect", "check", "match"), BRANCHES)
def test_the_critic_accepts_what_the_evidence_calls_for(
    decision: str, effect: str, check: Fields, match: Fields
) -> None:
    del decision
    at = desk(check, match)

    verdict = at.review("settle-invoice", at.settle(), evidence(check, match))

    assert verdict["decision"] == "accept", verdict
    assert effect in str(verdict["reasons"])


@pytest.mark.parametrize(("decision", "effect", "check", "match"), BRANCHES)
def test_the_critic_asks_for_a_revision_of_what_other_evidence_called_for(
    decision: str, effect: str, check: Fields, match: Fields
) -> None:
    for other_decision, other_effect, other_check, other_match in BRANCHES:
        if other_effect == effect:
            continue
        at = desk(other_check, other_match)

        verdict = at.review("settle-invoice", at.settle(), evidence(check, match))

        assert verdict["decision"] == "revise", (decision, other_decision)
        assert effect in str(verdict["reasons"])


def bent(**other: Json) -> Fields:
    return {**desk(checked(), matched()).settle(), **other}


def proposing(**other: Json) -> Fields:
    answer = bent()
    return {**answer, "proposals": [{**proposal(answer), **other}]}


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (bent(proposals=[]), "exactly one proposal"),
        (proposing(slot=2), "slot"),
        (proposing(arguments={"match": "$val-" + "9" * 16}), "references"),
        (proposing(arguments={"match": f"${READING}"}), "references"),
        (proposing(arguments={"match": f"${MATCHED}", "iban": "DE1"}), "references"),
        (proposing(arguments={"iban": "DE02120300000000202051"}), "references"),
        (bent(decision="hold"), "pay."),
        (bent(findings=[]), "findings"),
    ],
)
def test_the_critic_compares_every_part_of_a_proposal_with_the_evidence(
    result: Fields, says: str
) -> None:
    verdict = desk(checked(), matched()).review(
        "settle-invoice", result, evidence(checked(), matched())
    )

    assert verdict["decision"] == "revise"
    assert says in str(verdict["reasons"])


def test_the_critic_wants_a_reason_for_a_hold() -> None:
    check, match = checked(), matched(bank_details_match=False, clear=False, reasons=["other"])
    at = desk(check, match)
    answer = at.settle()
    arguments: Json = {"invoice": f"${READING}", "reason": ""}
    proposals: Json = [{**proposal(answer), "arguments": arguments}]

    verdict = at.review(
        "settle-invoice", {**answer, "proposals": proposals}, evidence(check, match)
    )

    assert verdict["decision"] == "revise"


@pytest.mark.parametrize(
    "values",
    [
        [],
        evidence(checked(), matched())[:1],
        [*evidence(checked(), matched()), stored(READING, "read_einvoice", {}, "reader")],
        [stored(CHECKED, "check_invoice", checked(), "models"), *evidence({}, matched())[1:]],
    ],
)
def test_the_critic_accepts_no_settlement_without_its_evidence(values: list[Json]) -> None:
    verdict = desk(checked(), matched()).review("settle-invoice", bent(), values)

    assert verdict["decision"] == "revise"


READ_RESULT: Fields = {
    "decision": "invoice",
    "values": [READING],
    "proposals": [],
    "findings": [{"name": "read", "passed": True, "says": "cii"}],
}
UNREADABLE: Fields = {
    "decision": "unreadable",
    "values": [],
    "proposals": [],
    "findings": [{"name": "read", "passed": False, "says": "It is empty."}],
}


@pytest.mark.parametrize(
    ("result", "kind", "decision"),
    [
        (READ_RESULT, "invoice", "accept"),
        (READ_RESULT, "credit-note", "revise"),
        (UNREADABLE, None, "accept"),
        ({**UNREADABLE, "findings": []}, None, "revise"),
        (UNREADABLE, "invoice", "revise"),
        ({**READ_RESULT, "proposals": [{"slot": 1}]}, "invoice", "revise"),
    ],
)
def test_the_critic_accepts_a_reading_that_is_what_the_document_says(
    result: Fields, kind: str | None, decision: str
) -> None:
    values: list[Json] = []
    if kind:
        values = [stored(READING, "read_einvoice", {"kind": kind}, "reader")]

    verdict = Desk({}).review("read-invoice", result, values)

    assert verdict["decision"] == decision, verdict


def test_reasons_stay_within_their_bounds_however_many_there_are() -> None:
    findings: Json = [{**BROKEN, "rule": f"PEPPOL-EN16931-R{n}"} for n in range(50)]
    check = checked(arithmetic_holds=False, findings=findings)
    over = "line " + "x" * 100 + " names an order line that the order does not have"
    reasons: Json = ["order, receipt and invoice do not match", *(9 * [over])]
    match = matched(arithmetic_holds=False, clear=False, reasons=reasons)

    answer = desk(check, match).settle()

    WorkResult.model_validate(answer)
    assert schema_faults(proposal(answer)["arguments"], tool("hold_invoice").schema) == []


def literals(node: Any) -> Iterator[str]:
    if isinstance(node, dict) and node.get("type") == "literal" and isinstance(node["value"], str):
        yield node["value"]
    for part in node.get("children", ()) if isinstance(node, dict) else ():
        yield from literals(part)


def expressions(part: Any, *, whole: bool) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            yield from expressions(value, whole=whole or name in ("let", "when"))
    elif isinstance(part, list):
        for value in part:
            yield from expressions(value, whole=False)
    elif isinstance(part, str) and (whole or part.startswith("=")):
        yield part.removeprefix("=")


def test_no_rule_tests_a_name_an_id_or_a_value_of_a_sample() -> None:
    skills = yaml.safe_load(PACK.text("playbook.yaml"))["skills"]
    skills["planner.draft_plan"]["rules"][0]["answer"]["subtasks"][1].pop("when")
    texts = list(expressions(skills, whole=False))
    told = {word for text in texts for word in literals(jmespath.compile(text).parsed)}
    samples = yaml.safe_load(PACK.text("samples/expected.yaml"))["documents"]
    books = yaml.safe_load(PACK.text("samples/books.yaml"))
    values = {str(s.get(key)) for s in samples for key in ("file", "vendor", "number", "currency")}
    values |= {str(v) for row in (*books["vendors"], *books["orders"]) for v in row.values()}

    assert len(texts) > 50
    assert not [text for text in texts if ".name" in text and "result" not in text]
    assert not [word for word in told if any(c.isdigit() for c in word)]
    assert not told & values


READING_VIEW: Fields = {
    "kind": "read-invoice",
    "decision": "invoice",
    "summary": "invoice in syntax cii",
    "findings": [{"name": "read", "passed": True, "says": "cii"}],
    "verdict": {"decision": "accept", "reasons": []},
    "outcomes": [],
}
VIEW: Fields = {
    "documents": [{"name": "a.xml"}],
    "state": "completed",
    "failure": None,
    "subtasks": [
        READING_VIEW,
        {
            "kind": "settle-invoice",
            "decision": "hold",
            "summary": "hold: vendor unknown",
            "findings": [
                {"name": "arithmetic", "passed": False, "says": ""},
                {"name": "vendor", "passed": False, "says": ""},
                {"name": "order", "passed": True, "says": ""},
            ],
            "verdict": {"decision": "accept", "reasons": []},
            "outcomes": [{"tool": "hold_invoice", "status": "applied", "says": "hold"}],
        },
    ],
}


def row(view: Fields) -> list[Json]:
    return [jmespath.search(c.value, json.loads(json.dumps(view))) for c in PACK.manifest.report]


def test_the_batch_table_tells_a_held_invoice() -> None:
    assert row(VIEW) == [
        "a.xml",
        "invoice",
        "wrong",
        "vendor",
        "accept",
        "held",
        "hold: vendor unknown",
    ]


def test_the_batch_table_tells_a_document_that_could_not_be_read() -> None:
    reading: Json = {**READING_VIEW, "decision": "unreadable"}
    failed: Fields = {
        **VIEW,
        "state": "failed",
        "failure": {"detail": "No."},
        "subtasks": [reading],
    }

    assert row(failed) == ["a.xml", "unreadable", None, None, "accept", "failed", "No."]


def test_the_batch_table_tells_a_task_that_has_only_begun() -> None:
    assert row({**VIEW, "state": "planning", "subtasks": []})[5] == "planning"
