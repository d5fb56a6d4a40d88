"""The texts of a policy, the suite's and a pack's, and every fault they have; ruling is engine's.

The suite forbids and permits nothing; a pack permits, tool by tool. Both are one Cedar policy
set, in which a forbid wins over any permit, so a pack can only be stricter than the suite.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import cedarpy
from cedarpy import pst

from quartet.contracts.base import Digest
from quartet.packs.load import Pack
from quartet.policy.compiled import only
from quartet.resilience.failures import Abandon
from quartet.trust.digest import digest

HERE = Path(__file__).parent
SUITE, SCHEMA = HERE / "suite.cedar", HERE / "schema.cedarschema"
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Names:
    """The names that a pack's policy may use: its own, its write tools, its specialists."""

    pack: str
    tools: Collection[str]
    agents: Collection[str]


def names_of(pack: Pack) -> Names:
    """Return the names of a loaded pack."""
    agents = tuple(s.app_id for s in pack.manifest.specialists)
    return Names(pack.manifest.name, tuple(pack.of_kind("write")), agents)


def policy_file(pack: Pack) -> Path:
    """Return where a pack's own policy is."""
    return pack.folder / "policy.cedar"


@dataclass(frozen=True)
class Texts:
    """The exact texts; the version of a policy is their digest."""

    suite: str
    pack: str
    schema: str

    @property
    def version(self) -> Digest:
        """Return what names these texts and no others."""
        return digest({"suite": self.suite, "pack": self.pack, "schema": self.schema})


class BadPolicy(Abandon):
    """A policy that cannot be taken: it is missing, empty, does not parse or does not fit."""


def read(pack: Path, suite: Path = SUITE, schema: Path = SCHEMA) -> Texts:
    """Return the texts of the files; raises BadPolicy for a missing or an empty one."""
    return Texts(_text(suite), _text(pack), _text(schema))


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadPolicy(f"The policy {path} cannot be read: {error}.", cause="policy") from error
    if not text.strip():
        raise BadPolicy(f"The policy {path} is empty: it permits nothing.", cause="policy")
    return text


def parsed(texts: Texts, names: Names) -> tuple[pst.PolicySet, pst.PolicySet]:
    """Return the policies of suite and pack; raises BadPolicy naming every fault."""
    try:
        schema = cedarpy.Schema.from_str(texts.schema)
        suite = cedarpy.PolicySet.from_str(texts.suite).to_pst()
        pack = cedarpy.PolicySet.from_str(texts.pack).to_pst()
        both = cedarpy.validate_policies(f"{texts.suite}\n{texts.pack}", schema)
    except ValueError as error:
        raise BadPolicy(f"The policy does not parse: {error}.", cause="policy") from error
    faults = [str(e) for e in both.errors] + [*_faults(suite, pack, names)]
    if faults or not both.validation_passed:
        raise BadPolicy(
            f"The policy of {names.pack} does not fit: {'; '.join(faults)[:1500]}.", cause="policy"
        )
    return suite, pack


def _faults(suite: pst.PolicySet, pack: pst.PolicySet, names: Names) -> Iterator[str]:
    for policies, owner in ((suite, "suite"), (pack, names.pack)):
        yield from (f"{t}: a template rules nothing" for t in policies.templates)
        for policy in policies.static_policies.values():
            yield from _form_faults(policy, owner)
    yield from (
        f"{_called(p)}: the suite permits nothing; a pack does"
        for p in suite.static_policies.values()
        if p.effect == "permit"
    )
    ids = [_called(p) for s in (suite, pack) for p in s.static_policies.values()]
    yield from (f"{i}: two policies have this id" for i in sorted(set(ids)) if ids.count(i) > 1)
    for policy in pack.static_policies.values():
        yield from _name_faults(policy, names)
    permitted = {only(p.resource) for p in pack.static_policies.values() if p.effect == "permit"}
    yield from (f"{t}: a tool without a tier" for t in sorted(set(names.tools) - permitted))


def _form_faults(policy: pst.Template, owner: str) -> Iterator[str]:
    prefix, _, rest = _called(policy).partition(".")
    if prefix != owner or not _ID.fullmatch(rest):
        yield f'{_called(policy)}: write @id("{owner}.lower-case-words")'
    if not all(
        isinstance(s, pst.ScopeAny | pst.ScopeEq) for s in (policy.principal, policy.resource)
    ):
        yield f"{_called(policy)}: principal and resource are `==` one, or any"
    if policy.effect == "forbid" and not policy.annotations.get("reason"):
        yield f"{_called(policy)}: a forbid tells people its @reason"


def _name_faults(policy: pst.Template, names: Names) -> Iterator[str]:
    """Name what does not exist: a forbid about it would never forbid."""
    if policy.effect == "permit" and only(policy.resource) is None:
        yield f'{_called(policy)}: a permit names its tool: resource == Tool::"..."'
    known = {"Tool": names.tools, "App": names.agents}
    for entity in sorted(pst.entity_uids(policy), key=str):
        if entity.id not in known.get(str(entity.type), (entity.id,)):
            yield f"{_called(policy)}: there is no {entity}"


def _called(policy: pst.Template) -> str:
    return policy.annotations.get("id") or policy.id
