"""The rules of playbook.yaml: their form, compiled once, and the first that fits a conversation.

A string that starts with ``=`` is a JMESPath expression; what it sees is made of the request
alone (see ``context``). The rules of one skill are tried in order. They are rules: nothing here
understands a text.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Self

import jmespath
import yaml
from jmespath.exceptions import JMESPathError
from pydantic import Field, ValidationError, model_validator

from quartet.contracts.base import Contract, Fields, Json
from quartet.contracts.chat import ChatRequest, Message
from quartet.resilience.failures import Abandon

Fill = Callable[[Fields], Json]
_TAKES_FROM = frozenset(
    {"subexpression", "index_expression", "projection", "filter_projection", "value_projection"}
    | {"flatten"}
)


class CallText(Contract):
    """One tool call of a rule."""

    tool: str
    arguments: Fields = Field(default_factory=dict)


class RuleText(Contract):
    """One rule as written: when it fits, and either calls of tools or an answer."""

    name: str
    when: str = "`true`"
    call: Annotated[tuple[CallText, ...], Field(max_length=16)] = ()
    answer: Fields | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.call) == (self.answer is not None):
            raise ValueError(f"rule {self.name!r} has either `call` or `answer`")
        return self


class SkillText(Contract):
    """The rules of one skill; ``let`` names expressions, each may use those before it."""

    let: dict[str, str] = Field(default_factory=dict)
    rules: Annotated[tuple[RuleText, ...], Field(min_length=1)]


class PlaybookText(Contract):
    """playbook.yaml, whole."""

    about: str
    skills: dict[str, SkillText]


@dataclass(frozen=True)
class Rule:
    """A compiled rule."""

    name: str
    when: Fill
    calls: tuple[tuple[str, Fill], ...]
    answer: Fill | None


@dataclass(frozen=True)
class SkillRules:
    """The compiled rules of one skill."""

    let: tuple[tuple[str, Fill], ...]
    rules: tuple[Rule, ...]

    def first(self, seen: Fields) -> tuple[Rule, Fields] | None:
        """Return the first rule that fits and what it sees, the named expressions included."""
        known = dict(seen)
        for name, fill in self.let:
            known[name] = fill(known)
        return next(((rule, known) for rule in self.rules if rule.when(known)), None)


def compile_playbook(text: str, where: str) -> dict[str, SkillRules]:
    """Return the rules by skill; raises Abandon that names the place of the fault."""
    try:
        written = PlaybookText.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise _bad(where, " ".join(str(error).split())[:800]) from error
    return {name: _skill(f"{where}: {name}", skill) for name, skill in written.skills.items()}


def context(request: ChatRequest) -> Fields:
    """Return what rules see of a request, and of nothing else.

    ``input``: the last JSON object that a user message holds; ``results``: by tool, what its
    calls gave, in order (``{"value", "result"}`` or ``{"error"}``); ``calls``: tool and arguments
    of every call so far; ``feedback``: that of the input; ``tools``: names of the tools on offer.
    """
    given = next(
        (o for m in reversed(request.messages) if m.role == "user" and (o := _object(m.content))),
        {},
    )
    uses = {u.id: u.function for m in request.messages for u in m.tool_calls or ()}
    results: dict[str, list[Json]] = {}
    for message in request.messages:
        use = uses.get(message.tool_call_id or "")
        if message.role == "tool" and use:
            results.setdefault(use.name, []).append(_object(message.content))
    return {
        "input": given,
        "results": {name: list(found) for name, found in results.items()},
        "calls": [{"tool": u.name, "arguments": _object(u.arguments)} for u in uses.values()],
        "feedback": given.get("feedback") or "",
        "tools": [tool.function.name for tool in request.tools],
    }


def turns_of(messages: tuple[Message, ...]) -> int:
    """Return how many turns the model has had."""
    return sum(m.role == "assistant" for m in messages)


def _object(text: str | None) -> Fields:
    try:
        found = json.loads(text or "")
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _skill(where: str, skill: SkillText) -> SkillRules:
    return SkillRules(
        let=tuple((n, _expression(f"{where}: {n}", text)) for n, text in skill.let.items()),
        rules=tuple(_rule(f"{where}: {rule.name}", rule) for rule in skill.rules),
    )


def _rule(where: str, rule: RuleText) -> Rule:
    return Rule(
        name=rule.name,
        when=_expression(where, rule.when),
        calls=tuple((c.tool, _fill(where, c.arguments)) for c in rule.call),
        answer=None if rule.answer is None else _fill(where, rule.answer),
    )


def _fill(where: str, template: Json) -> Fill:
    """Return what fills a template: expressions evaluated, all else as written."""
    if isinstance(template, dict):
        fields = {name: _fill(where, part) for name, part in template.items()}
        return lambda seen: {name: fill(seen) for name, fill in fields.items()}
    if isinstance(template, list):
        items = [_fill(where, part) for part in template]
        return lambda seen: [fill(seen) for fill in items]
    if isinstance(template, str) and template.startswith("="):
        return _expression(where, template[1:])
    return lambda _: template


def _expression(where: str, text: str) -> Fill:
    try:
        compiled: Any = jmespath.compile(text)
    except JMESPathError as error:
        raise _bad(where, " ".join(str(error).split())) from error
    if _negates_too_early(compiled.parsed):
        raise _bad(where, f"`{text}`: JMESPath reads !a.b as (!a).b; write !(a.b)")

    def fill(seen: Fields) -> Json:
        try:
            found: Json = compiled.search(seen)
        except JMESPathError as error:
            raise _bad(where, f"`{text}`: {' '.join(str(error).split())}") from error
        return found

    return fill


def _negates_too_early(node: Any) -> bool:  # noqa: ANN401 - jmespath's syntax tree
    children = [c for c in node.get("children", ()) if isinstance(c, dict)]
    if node["type"] in _TAKES_FROM and children and children[0]["type"] == "not_expression":
        return True
    return any(_negates_too_early(child) for child in children)


def _bad(where: str, says: str) -> Abandon:
    return Abandon(
        f"{where}: {says}. Correct the pack's playbook.", cause="model", title="BadPlaybook"
    )
