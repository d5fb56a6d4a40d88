"""The ruling of a parsed policy on the facts of one call; pure, and parsed once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import cedarpy

from quartet.contracts.base import Digest
from quartet.contracts.policy import Mode, Ruling, Tier
from quartet.policy.compiled import cut, reach
from quartet.policy.facts import CallFacts
from quartet.policy.texts import Names, Texts, parsed

NOBODY = cedarpy.Entities.from_json_str("[]")


@dataclass(frozen=True)
class Step:
    """One action of the schema: the tier it stands for and how many people approve there."""

    action: str
    tier: Tier
    approvers: int = 0


STEPS = (
    Step("autonomous", "autonomous"),
    Step("notify", "notify"),
    Step("approve", "approve", 1),
    Step("approve_two", "approve", 2),
    Step("escalate", "escalate"),
)
"""Least to most: the first that is permitted is the ruling."""


@dataclass(frozen=True)
class _Answer:
    allowed: bool
    policies: tuple[str, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """A checked policy: by action and tool what can speak of it; by id, annotations and reach.

    A forbid that applied is known to apply at every action it reaches, so those are not asked.
    """

    version: Digest
    cuts: Mapping[tuple[str, str], cedarpy.PolicySet] = field(repr=False)
    annotations: Mapping[str, Mapping[str, str]] = field(repr=False)
    reaches: Mapping[str, frozenset[str]] = field(repr=False)

    def rule(self, facts: CallFacts, mode: Mode = "enforce") -> Ruling:
        """Return the least tier that is permitted; deny when none is, or when one errs.

        In mode log-only it is the least tier that the suite's own policies leave open, unless
        that is no less; a deny stays a deny.
        """
        against: dict[str, None] = {}
        loosest: Step | None = None
        context = facts.context()
        for step in STEPS:
            if mode == "enforce" and any(step.action in self.reaches[p] for p in against):
                continue
            answer = self._ask(step, facts, context)
            if answer.errors:
                return self._deny(against, answer.errors)
            if answer.allowed:
                ruling = self._ruling(step, (*against, *answer.policies), tuple(against))
                return _relaxed(ruling, loosest) if mode == "log-only" and loosest else ruling
            against |= dict.fromkeys(answer.policies)
            if loosest is None and not any(p.startswith("suite.") for p in answer.policies):
                loosest = step
        return self._deny(against, ("no policy permits it at any tier",))

    def _ask(self, step: Step, facts: CallFacts, context: str) -> _Answer:
        policies = self.cuts.get((step.action, facts.tool))
        if policies is None:
            return _Answer(allowed=False, policies=(), errors=())
        request = {
            "principal": {"type": "App", "id": facts.agent},
            "action": {"type": "Action", "id": step.action},
            "resource": {"type": "Tool", "id": facts.tool},
            "context": context,
        }
        got = cedarpy.is_authorized(request, policies, NOBODY)
        named = got.diagnostics.id_annotations_by_reason.values()
        return _Answer(got.allowed, tuple(sorted(named)), tuple(got.diagnostics.errors))

    def _ruling(self, step: Step, policies: tuple[str, ...], raised_by: tuple[str, ...]) -> Ruling:
        groups = [g for p in policies if (g := self.annotations[p].get("group"))]
        return Ruling(
            tier=step.tier,
            approvers=step.approvers,
            policies=policies,
            reasons=tuple(self._reasons(raised_by)),
            version=self.version,
            **({"group": groups[0]} if groups else {}),
        )

    def _deny(self, against: Mapping[str, None], why: tuple[str, ...]) -> Ruling:
        return Ruling(
            tier="deny",
            policies=tuple(against),
            reasons=(*self._reasons(against), *(w[:500] for w in why)),
            version=self.version,
        )

    def _reasons(self, policies: Mapping[str, None] | tuple[str, ...]) -> Iterator[str]:
        yield from (self.annotations[p].get("reason", p)[:500] for p in policies)


def _relaxed(ruling: Ruling, loosest: Step) -> Ruling:
    wanted = {"tier": loosest.tier, "approvers": loosest.approvers, "logged": ruling.tier}
    return ruling.model_copy(update=wanted)


def policy_of(texts: Texts, names: Names) -> Policy:
    """Return the policy of these texts; raises BadPolicy naming every fault."""
    policies = [p for s in parsed(texts, names) for p in s.static_policies.values()]
    cuts = cut(policies, [s.action for s in STEPS], names.tools)
    annotations = {p.annotations["id"]: p.annotations for p in policies}
    reaches = {p.annotations["id"]: reach(p, [s.action for s in STEPS]) for p in policies}
    return Policy(texts.version, cuts, annotations, reaches)
