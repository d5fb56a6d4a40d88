"""The ruling of a policy: the least permitted tier, what raises it, what is refused at start."""

import random
from decimal import Decimal
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quartet.contracts.base import Fields
from quartet.contracts.policy import rank
from quartet.policy.engine import STEPS, policy_of
from quartet.policy.facts import CallFacts
from quartet.policy.texts import BadPolicy, Texts
from tests.unit.policy_texts import NAMES, PERMITS, call, forbid, policy, texts

ACTIONS = tuple(step.action for step in STEPS)
LOW = "autonomous notify"
UP_TO_ONE = "autonomous notify approve"


def test_what_nothing_forbids_is_autonomous_and_names_its_permit() -> None:
    ruling = policy().rule(call())

    assert (ruling.tier, ruling.policies, ruling.reasons) == ("autonomous", ("tiny.pay",), ())
    assert ruling.version == texts().version


@pytest.mark.parametrize(
    ("actions", "tier", "approvers"),
    [
        ("autonomous", "notify", 0),
        (LOW, "approve", 1),
        (UP_TO_ONE, "approve", 2),
        (f"{UP_TO_ONE} approve_two", "escalate", 0),
        (" ".join(ACTIONS), "deny", 0),
    ],
)
def test_a_forbid_raises_the_tier_and_is_named(actions: str, tier: str, approvers: int) -> None:
    ruling = policy(forbid("no", actions)).rule(call())

    assert (ruling.tier, ruling.approvers) == (tier, approvers)
    assert "tiny.no" in ruling.policies
    assert ruling.reasons[0] == "because of no"


def test_what_no_policy_permits_is_denied() -> None:
    stranger = policy().rule(call(agent="reader"))
    unknown = policy().rule(call(tool="Pay"))

    assert (stranger.tier, unknown.tier) == ("deny", "deny")
    assert stranger.reasons == ("no policy permits it at any tier",)


@pytest.mark.parametrize(("amount", "tier"), [("50.00", "autonomous"), ("50.01", "approve")])
def test_a_limit_is_the_last_amount_below_it(amount: str, tier: str) -> None:
    limit = 'context.amount.greaterThan(decimal("50.00"))'

    assert policy(forbid("limit", LOW, limit)).rule(call(amount)).tier == tier


@pytest.mark.parametrize(
    ("other", "tier", "approvers", "by"),
    [
        ({"authenticated": False}, "approve", 1, "suite.nobody-signed"),
        ({"reversible": False}, "approve", 1, "suite.cannot-be-undone"),
        ({"confidence": 0.69999999}, "approve", 1, "suite.unsure"),
        ({"confidence": 0.29}, "escalate", 0, "suite.guessing"),
        ({"risk": "high"}, "approve", 1, "suite.risky"),
        ({"unconfirmed": ("iban",)}, "approve", 1, "suite.unconfirmed"),
        (
            {"unconfirmed": ("iban",), "reversible": False},
            "approve",
            2,
            "suite.unconfirmed-for-good",
        ),
    ],
)
def test_the_suite_asks_a_person_whatever_the_pack_permits(
    other: dict[str, Any], tier: str, approvers: int, by: str
) -> None:
    ruling = policy().rule(call(**other))

    assert (ruling.tier, ruling.approvers) == (tier, approvers)
    assert by in ruling.policies


def test_the_group_of_the_policy_that_raised_the_tier_is_asked() -> None:
    assert policy(forbid("no", LOW, group="treasury")).rule(call()).group == "treasury"


def test_an_error_of_one_policy_denies_although_others_permit() -> None:
    """Cedar itself ignores a policy that errs: a forbid would then forbid nothing."""
    overflow = "context.hour + 9223372036854775800 > 0"

    ruling = policy(forbid("broken", LOW, overflow)).rule(call(hour=23))

    assert ruling.tier == "deny"
    assert "overflow" in ruling.reasons[-1]


def test_log_only_lets_through_what_the_pack_alone_raised_and_says_so() -> None:
    ruling = policy(forbid("no", UP_TO_ONE)).rule(call(), "log-only")

    assert (ruling.tier, ruling.approvers, ruling.logged) == ("autonomous", 0, "approve")
    assert "tiny.no" in ruling.policies


def test_log_only_leaves_what_the_suite_forbids() -> None:
    strict = policy(forbid("no", UP_TO_ONE))

    ruling = strict.rule(call(authenticated=False), "log-only")

    assert (ruling.tier, ruling.approvers, ruling.logged) == ("approve", 1, "approve")


def test_log_only_denies_what_is_denied() -> None:
    assert policy().rule(call(agent="reader"), "log-only").tier == "deny"
    assert policy(forbid("no", " ".join(ACTIONS))).rule(call(), "log-only").tier == "deny"


@pytest.mark.parametrize(
    ("pack", "says"),
    [
        ("permit(", "does not parse"),
        (PERMITS.replace('@id("tiny.tell") ', ""), 'write @id("tiny.lower-case-words")'),
        (PERMITS.replace("tiny.tell", "suite.tell"), 'write @id("tiny.lower-case-words")'),
        (PERMITS.replace("tiny.tell", "tiny.pay"), "two policies have this id"),
        (PERMITS.replace("tiny.tell", "tiny.Tell"), 'write @id("tiny.lower-case-words")'),
        ('@id("tiny.a") permit (principal, action, resource);', "a permit names its tool"),
        (PERMITS.replace('"tell"', '"tall"'), 'there is no Tool::"tall"'),
        (PERMITS.replace('"tell"', '"pay"'), "tell: a tool without a tier"),
        (PERMITS.replace('"clerk"', '"clark"'), 'there is no App::"clark"'),
        (PERMITS + forbid("x", LOW, 'resource == Tool::"p"'), 'there is no Tool::"p"'),
        (PERMITS + forbid("x", "autonomus"), "autonomus"),
        (PERMITS + forbid("x", LOW, "context.amuont > 1"), "amuont"),
        (PERMITS + forbid("x", LOW, "context.amount > 1"), "type"),
        (PERMITS + forbid("x", LOW).replace('@reason("because of x")', ""), "its @reason"),
        (
            PERMITS + '@id("tiny.t") permit (principal == ?principal, action, resource);',
            "a template rules nothing",
        ),
        (
            PERMITS + '@id("tiny.in") @reason("r") forbid (principal in App::"clerk", action,'
            " resource);",
            "principal and resource are `==` one",
        ),
    ],
)
def test_a_policy_that_does_not_fit_is_refused_by_what_is_wrong(pack: str, says: str) -> None:
    with pytest.raises(BadPolicy) as refused:
        policy_of(texts(pack), NAMES)

    assert says in refused.value.failure.detail


def test_a_suite_that_permits_is_refused() -> None:
    suite = '@id("suite.all") permit (principal, action, resource == Tool::"pay");'

    with pytest.raises(BadPolicy, match="the suite permits nothing"):
        policy_of(texts(suite=suite), NAMES)


def test_the_version_is_of_every_text() -> None:
    first = texts()
    others = [
        Texts(first.suite + " ", first.pack, first.schema),
        Texts(first.suite, first.pack + " ", first.schema),
        Texts(first.suite, first.pack, first.schema + " "),
    ]

    assert len({first.version, *(t.version for t in others)}) == 4


CONDITIONS = (
    "true",
    'context.currency == "EUR"',
    'context.amount.greaterThan(decimal("49.9999"))',
    'context.amount.lessThan(decimal("50.0001"))',
    'context.amount.greaterThanOrEqual(decimal("50.01"))',
    'context.sums.payee_day.lessThanOrEqual(decimal("50.00"))',
    'context.sums.payee_day == decimal("50.00")',
    'decimal("-1.5").lessThan(context.amount)',
    'context.confidence.lessThan(decimal("0.8"))',
    "context.reversible",
    'resource == Tool::"tell"',
    'principal == App::"reader"',
    'context.unconfirmed.contains("iban")',
    "context.hour > 18",
    'action == Action::"autonomous"',
    'action != Action::"notify" && context.amount.greaterThan(decimal("49.00"))',
)
FORBIDS = st.lists(
    st.tuples(st.lists(st.sampled_from(ACTIONS), min_size=1), st.sampled_from(CONDITIONS)),
    max_size=6,
).map(
    lambda drawn: [
        forbid(f"f{number}", " ".join(dict.fromkeys(actions)), when)
        for number, (actions, when) in enumerate(drawn)
    ]
)
CALLS = st.builds(
    call,
    st.sampled_from(("0.01", "49.99", "50.00", "50.01", "1200.00")),
    tool=st.sampled_from(("pay", "tell", "other")),
    agent=st.sampled_from(("clerk", "reader")),
    currency=st.sampled_from(("EUR", "USD", "")),
    reversible=st.booleans(),
    authenticated=st.booleans(),
    confidence=st.floats(0, 1),
    unconfirmed=st.sampled_from(((), ("iban",))),
    hour=st.integers(0, 23),
)


def asked_plainly(facts: CallFacts, pack: str) -> list[bool]:
    """What Cedar says of each action on the whole text, decimals as decimals, with the schema."""
    whole = texts(pack)
    context = facts.model_dump(mode="json", exclude={"tool", "agent"})
    context |= {
        "sums": {name: decimal(value) for name, value in facts.sums},
        "amount": decimal(facts.amount),
        "confidence": decimal(Decimal(repr(facts.confidence))),
    }
    requests = [
        {
            "principal": {"type": "App", "id": facts.agent},
            "action": {"type": "Action", "id": action},
            "resource": {"type": "Tool", "id": facts.tool},
            "context": context,
        }
        for action in ACTIONS
    ]
    got = cedarpy.is_authorized_batch(requests, f"{whole.suite}\n{whole.pack}", "[]", whole.schema)
    assert not [e for answer in got for e in answer.diagnostics.errors]
    return [answer.allowed for answer in got]


def decimal(value: Decimal) -> Fields:
    text = str(value.quantize(Decimal("0.0001"), "ROUND_FLOOR"))
    return {"__extn": {"fn": "decimal", "arg": text}}


@settings(max_examples=60, deadline=None)
@given(FORBIDS, CALLS)
def test_a_ruling_is_the_first_action_that_cedar_allows_on_the_plain_text(
    forbids: list[str], facts: CallFacts
) -> None:
    """So neither the cutting nor the whole numbers change an answer, and no forbid is passed."""
    allowed = asked_plainly(facts, PERMITS + "\n".join(forbids))

    ruling = policy(*forbids).rule(facts)

    if not any(allowed):
        assert ruling.tier == "deny"
    else:
        step = STEPS[allowed.index(True)]
        assert (ruling.tier, ruling.approvers) == (step.tier, step.approvers)


@settings(max_examples=40, deadline=None)
@given(FORBIDS, CALLS, st.randoms(use_true_random=False))
def test_the_order_of_policies_does_not_matter(
    forbids: list[str], facts: CallFacts, chance: random.Random
) -> None:
    shuffled = list(forbids)
    chance.shuffle(shuffled)

    one, other = policy(*forbids).rule(facts), policy(*shuffled).rule(facts)

    assert one.model_copy(update={"version": ""}) == other.model_copy(update={"version": ""})


@settings(max_examples=40, deadline=None)
@given(FORBIDS, FORBIDS, CALLS)
def test_one_more_forbid_never_lowers_a_ruling(
    some: list[str], more: list[str], facts: CallFacts
) -> None:
    renamed = [text.replace("tiny.f", "tiny.g") for text in more]

    before, after = policy(*some).rule(facts), policy(*some, *renamed).rule(facts)

    assert (rank(after.tier), after.approvers) >= (rank(before.tier), before.approvers)
