"""From checked policies to what is asked per call: cut by scope, decimals as whole numbers.

Neither changes an answer. A policy whose scope names another action or tool never applies, so it
is left out. Cedar keeps a decimal as a whole number of ten-thousandths but parses its text each
time one is met, which made most of a ruling's time; so literals and facts are given as that
number, and compared as such.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import cedarpy
from cedarpy import pst

_PLAIN: Mapping[str, pst.BinaryOpName] = {
    "decimal_less_than": "less",
    "decimal_less_eq": "less_eq",
    "decimal_greater": "greater",
    "decimal_greater_eq": "greater_eq",
}


def whole(value: Decimal) -> int:
    """Return the ten-thousandths, rounded down: nothing passes a threshold by rounding."""
    return int((value * 10_000).to_integral_value(rounding=ROUND_FLOOR))


def cut(
    policies: Iterable[pst.Template], actions: Collection[str], tools: Collection[str]
) -> dict[tuple[str, str], cedarpy.PolicySet]:
    """Return, for each action and tool, the set of policies that can speak of it."""
    numbered = tuple(
        _in_whole_numbers(replace(policy, id=f"policy{number}"))
        for number, policy in enumerate(policies)
    )
    return {
        (action, tool): cedarpy.PolicySet.from_pst(
            pst.PolicySet({}, {p.id: p for p in numbered if _concerns(p, action, tool)}, ())
        )
        for action in actions
        for tool in tools
    }


def _concerns(policy: pst.Template, action: str, tool: str) -> bool:
    return _names(policy.action, action) and only(policy.resource) in (None, tool)


def _names(scope: pst.ActionConstraint, action: str) -> bool:
    match scope:
        case pst.ActionEq(entity=entity):
            return entity.id == action
        case pst.ActionIn(entities=entities):
            return action in {e.id for e in entities}
        case pst.ScopeAny():
            return True


def reach(policy: pst.Template, actions: Iterable[str]) -> frozenset[str]:
    """Return the actions at which a forbid that applied to one call applies to it as well.

    A condition may look at the action itself; then nothing is known of another one.
    """
    if policy.effect != "forbid" or _reads_action(policy.clauses):
        return frozenset()
    return frozenset(action for action in actions if _names(policy.action, action))


def _reads_action(node: object) -> bool:
    if isinstance(node, pst.Var):
        return node.name == "action"
    if isinstance(node, tuple):
        return any(_reads_action(part) for part in node)
    if isinstance(node, dict):
        return any(_reads_action(part) for part in node.values())
    if is_dataclass(node) and not isinstance(node, type):
        return any(_reads_action(getattr(node, f.name)) for f in fields(node))
    return False


def only(scope: pst.PrincipalOrResourceConstraint) -> str | None:
    """Return the one name that a scope is equal to, if it is that."""
    if isinstance(scope, pst.ScopeEq) and isinstance(scope.entity, pst.EntityUid):
        return scope.entity.id
    return None


def _in_whole_numbers(node: Any) -> Any:  # noqa: ANN401 - any node of the policy's tree
    match node:
        case pst.UnaryOp(op="decimal", arg=pst.StringLit(value=text)):
            return pst.LongLit(whole(Decimal(text)))
        case tuple():
            return tuple(_in_whole_numbers(part) for part in node)
        case dict():
            return {name: _in_whole_numbers(part) for name, part in node.items()}
    if not is_dataclass(node) or isinstance(node, type):
        return node
    parts = {f.name: _in_whole_numbers(getattr(node, f.name)) for f in fields(node)}
    if isinstance(node, pst.BinaryOp):
        parts["op"] = _PLAIN.get(node.op, node.op)
    return replace(node, **parts)
