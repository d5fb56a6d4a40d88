"""The payables agents' conversations, run turn by turn on the playbook with tools' results.

Messages are as quartet.agents sends them. No test is here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from quartet.contracts.base import Fields, Json
from quartet.contracts.chat import Message
from quartet.packs.load import load
from quartet.testing.asking import TASK, asked
from services.models.provider import Provider, Route
from services.models.providers.playbook import playbook_of

CHECKS = (
    "vendor_known",
    "vendor_active",
    "bank_details_match",
    "currency_match",
    "order_found",
    "order_open",
    "within_tolerance",
    "arithmetic_holds",
    "clear",
)
ROUTE = Route("rules", "playbook")
DIGEST = "sha256:" + "ab" * 32
READING, CHECKED, MATCHED = (f"val-{n * 16}" for n in "123")


Answer = Callable[[str, Fields], Json]


def converse(
    model: Provider, skill: str, material: Fields, tools: tuple[str, ...], answer: Answer
) -> Fields:
    """Return a model's final answer to some material, its tool calls answered on the way."""
    said: tuple[Message, ...] = ()
    offered: dict[str, Fields] = {t: {"type": "object"} for t in tools}
    for _ in range(5):
        done = model.complete(asked(skill, material, *said, **offered), ROUTE)
        if not done.message.tool_calls:
            final: Fields = json.loads(done.message.content or "")
            return final
        said = (*said, done.message)
        for use in done.message.tool_calls:
            got = answer(use.function.name, json.loads(use.function.arguments))
            said = (*said, Message(role="tool", tool_call_id=use.id, content=json.dumps(got)))
    raise AssertionError("no answer within five turns")


@dataclass
class Desk:
    """One provider, and what tools answer; ``calls`` are those it made."""

    results: dict[str, Json]
    model: Provider = field(default_factory=lambda: playbook_of(load("payables")))
    calls: list[tuple[str, Fields]] = field(default_factory=list)

    def ask(self, skill: str, material: Fields, *tools: str) -> Fields:
        """Return the final answer to some material, tools called on the way."""

        def answer(tool: str, arguments: Fields) -> Json:
            self.calls.append((tool, arguments))
            return self.results[tool]

        return converse(self.model, skill, material, tools, answer)

    def read(self) -> Fields:
        """Return what the reading specialist answers."""
        material: Fields = {"subtask": READ, "attempt": 1, "given": [], "feedback": ""}
        return self.ask("specialist.read-invoice", material, "read_einvoice")

    def settle(self, decision: str = "invoice") -> Fields:
        """Return what the finance specialist answers."""
        material: Fields = {"subtask": SETTLE, "attempt": 1, "given": given(decision)}
        tools = ("check_invoice", "match_invoice")
        return self.ask("specialist.settle-invoice", material, *tools)

    def review(self, skill: str, result: Fields, evidence: list[Json]) -> Fields:
        """Return what the critic answers to a result and its evidence."""
        subtask = READ if skill == "read-invoice" else SETTLE
        handed = [] if skill == "read-invoice" else given("invoice")
        order: Json = {"task": TASK, "subtask": subtask, "attempt": 1, "given": handed}
        review: Json = {"order": order, "by": "specialist-finance", "result": result}
        return self.ask(f"critic.{skill}", {"review": review, "evidence": evidence})


READ: Fields = {"id": "read", "kind": "read-invoice", "goal": "Read.", "documents": [DIGEST]}
SETTLE: Fields = {
    "id": "settle",
    "kind": "settle-invoice",
    "goal": "Settle.",
    "slots": [{"number": 1, "tools": ["schedule_payment", "hold_invoice"]}],
}


def given(decision: str) -> list[Json]:
    """Return what the reading handed on."""
    return [{"subtask": "read", "decision": decision, "values": [READING]}]


def checked(**other: Json) -> Fields:
    """Return a result of check_invoice where all holds, but for what is told."""
    return {"arithmetic_holds": True, "iban_valid": True, "findings": [], **other}


def matched(**other: Json) -> Fields:
    """Return a result of match_invoice where all holds, but for what is told."""
    holds: Fields = dict.fromkeys(CHECKS, True)
    found: Fields = {
        "kind": "payment",
        "vendor_id": "V-7",
        "vendor_name": "Somebody",
        "iban": "DE02120300000000202051",
        "number": "R 1",
        "normal_number": "R1",
        "amount_due": "119.00",
        "currency": "EUR",
        "due_date": None,
        "order_number": "PO-1",
        "is_duplicate": False,
        "duplicate_of": None,
        "reasons": [],
    }
    return {**found, **holds, **other}


def desk(check: Fields, match: Fields) -> Desk:
    """Return a desk whose finance tools answer so."""
    return Desk(
        {
            "check_invoice": {"value": CHECKED, "result": check},
            "match_invoice": {"value": MATCHED, "result": match},
        }
    )


def stored(value: str, tool: str, content: Fields, producer: str = "toolbox") -> Fields:
    """Return a value as the critic gets it."""
    return {
        "value": value,
        "subtask": "settle",
        "producer": producer,
        "caller": "specialist-finance",
        "tool": tool,
        "arguments_digest": "sha256:" + "0" * 64,
        "content": content,
    }


def evidence(check: Fields, match: Fields) -> list[Json]:
    """Return the evidence of a settlement."""
    return [stored(CHECKED, "check_invoice", check), stored(MATCHED, "match_invoice", match)]
