"""The cases of a pack's policy, policy-tests.yaml: facts of a call, and what has to be ruled."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import yaml
from pydantic import Field

from quartet.contracts.base import Contract, Fields
from quartet.contracts.policy import Ruling, Tier
from quartet.packs.load import Pack
from quartet.policy.engine import Policy
from quartet.policy.facts import CallFacts, Sums
from quartet.policy.texts import BadPolicy

FILE = "policy-tests.yaml"


class Case(Contract):
    """One call and its ruling; what is not told of the ruling is not compared."""

    name: str
    call: Fields
    """Facts; what is not told is that of a first, small, signed and certain call."""
    tier: Tier
    approvers: int | None = None
    policies: tuple[str, ...] | None = None
    """The ids of exactly the policies that make it, in any order."""


class Cases(Contract):
    """policy-tests.yaml, whole."""

    cases: Annotated[tuple[Case, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Tried:
    """A case and what the policy ruled."""

    case: Case
    ruling: Ruling

    @property
    def wrong(self) -> tuple[str, ...]:
        """Return in what the ruling differs from what the case wants."""
        case, ruling = self.case, self.ruling
        differs = {
            f"tier is {ruling.tier}, not {case.tier}": ruling.tier != case.tier,
            f"approvers are {ruling.approvers}, not {case.approvers}": case.approvers
            not in (None, ruling.approvers),
            f"policies are {', '.join(ruling.policies)}": case.policies is not None
            and set(case.policies) != set(ruling.policies),
        }
        return tuple(says for says, holds in differs.items() if holds)


def tried(pack: Pack, policy: Policy) -> Iterator[Tried]:
    """Try every case of a pack; raises BadPolicy for a file that is missing or malformed."""
    for case in _read(pack).cases:
        yield Tried(case, policy.rule(_facts(pack, case)))


def _read(pack: Pack) -> Cases:
    path = pack.folder / FILE
    try:
        return Cases.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        says = " ".join(str(error).split())[:600]
        raise BadPolicy(f"The policy's cases {path}: {says}", cause="policy") from error


def _facts(pack: Pack, case: Case) -> CallFacts:
    """Return the facts: proposed by who may, and the first of its day, unless told otherwise."""
    tool = case.call.get("tool")
    skill = next(
        (s for s in pack.manifest.skills if tool in s.may_propose), pack.manifest.skills[0]
    )
    amount = case.call.get("amount", "0.00")
    told = case.call.get("sums", {})
    sums = dict.fromkeys(Sums.model_fields, amount) | (told if isinstance(told, dict) else {})
    plain: Fields = {"agent": pack.app_of(skill.kind), "kind": skill.kind, **case.call}
    try:
        return CallFacts.model_validate({**plain, "sums": sums})
    except ValueError as error:
        says = " ".join(str(error).split())[:600]
        raise BadPolicy(f"The case {case.name!r}: {says}", cause="policy") from error
