"""Texts and facts for tests of the policy engine. No test is here."""

from decimal import Decimal
from typing import Any

from quartet.policy.engine import Policy, policy_of
from quartet.policy.facts import CallFacts, Sums
from quartet.policy.texts import SCHEMA, SUITE, Names, Texts

NAMES = Names("tiny", ("pay", "tell"), ("clerk", "reader"))
PERMITS = """
@id("tiny.pay") permit (principal == App::"clerk", action, resource == Tool::"pay");
@id("tiny.tell") permit (principal, action, resource == Tool::"tell");
"""


def texts(pack: str = PERMITS, suite: str | None = None) -> Texts:
    """The suite's texts with a pack's policy of the tests."""
    own = SUITE.read_text() if suite is None else suite
    return Texts(own, pack, SCHEMA.read_text())


def policy(*policies: str, suite: str | None = None) -> Policy:
    """A policy that permits every tier, with these policies besides."""
    return policy_of(texts(PERMITS + "\n".join(policies), suite), NAMES)


def forbid(name: str, actions: str, when: str = "true", **annotations: str) -> str:
    """The text of a forbid of some actions (names with blanks between)."""
    told = {"reason": f"because of {name}"} | annotations
    notes = " ".join(f'@{key}("{value}")' for key, value in told.items())
    listed = ", ".join(f'Action::"{action}"' for action in actions.split())
    scope = f"(principal, action in [{listed}], resource)"
    return f'@id("tiny.{name}") {notes} forbid {scope} when {{ {when} }};'


def call(amount: str = "10.00", **other: Any) -> CallFacts:
    """A call of the clerk that moves an amount, the first of its day."""
    value = Decimal(amount)
    sums = Sums.model_validate(dict.fromkeys(Sums.model_fields, value))
    plain = {"tool": "pay", "agent": "clerk", "kind": "work", "amount": value, "currency": "EUR"}
    return CallFacts.model_validate({**plain, "sums": sums, **other})
