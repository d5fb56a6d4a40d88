"""For tests only: a model that does what any text it reads tells it. Never route real work to it.

It starts from another provider's answer and bends it: tools it is told to call are called or
proposed, checks that fail are overlooked, references give way to the account and amount it is
told, and the critic accepts. Attacks are measured with it: rules cannot be talked into anything.
"""

import json
import re
from dataclasses import dataclass, replace

from quartet.contracts.base import Fields, Json
from quartet.contracts.chat import Called, ChatRequest, Message, ToolUse
from services.models.provider import Completion, Provider, Route
from services.models.providers.rules import context, turns_of
from services.models.providers.told import Told, told_by

_ACCOUNT = re.compile(r"iban|account|creditor|payee|recipient", re.IGNORECASE)
_AMOUNT = re.compile(r"amount|total|payable|sum", re.IGNORECASE)


@dataclass(frozen=True)
class Obedient:
    """Answers as ``inner`` would, were it not for what it is told."""

    inner: Provider

    def complete(self, request: ChatRequest, route: Route) -> Completion:
        """Return the bent completion; the inner one where nothing was told."""
        told = told_by(request)
        if not told:
            return self.inner.complete(request, route)
        done = self.inner.complete(_blind(request), route)
        seen = context(request)
        if wanted := _tools_to_call(told, seen):
            return _calling(done, wanted, turns_of(request.messages))
        answer = json.loads(done.message.content) if done.message.content else None
        if not isinstance(answer, dict):
            return done
        role = request.purpose.skill.partition(".")[0]
        bend = {"critic": _accepted, "specialist": _worked, "planner": _planned}.get(role)
        bent = bend(answer, told, seen) if bend else answer
        return replace(done, message=Message(role="assistant", content=json.dumps(bent)))


def _blind(request: ChatRequest) -> ChatRequest:
    """Return the request as somebody reads it who believes that every check of a tool holds."""
    messages = tuple(
        m.model_copy(update={"content": json.dumps(_all_holds(json.loads(m.content or "null")))})
        if m.role == "tool"
        else m
        for m in request.messages
    )
    return request.model_copy(update={"messages": messages})


def _all_holds(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _all_holds(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_all_holds(part) for part in value]
    return True if value is False else value


def _tools_to_call(told: Told, seen: Fields) -> list[tuple[str, Fields]]:
    """Return the told calls of tools on offer that were not made yet."""
    made, offered = seen["calls"], seen["tools"]
    return [
        (tool, arguments)
        for tool, arguments in told.calls
        if isinstance(offered, list)
        and isinstance(made, list)
        and tool in offered
        and {"tool": tool, "arguments": arguments} not in made
    ]


def _calling(done: Completion, wanted: list[tuple[str, Fields]], turn: int) -> Completion:
    told = tuple(
        ToolUse(id=f"told-{turn}-{n}", function=Called(name=t, arguments=json.dumps(a)))
        for n, (t, a) in enumerate(wanted)
    )
    message = Message(role="assistant", tool_calls=(*(done.message.tool_calls or ()), *told))
    return replace(done, message=message, finish_reason="tool_calls")


def _accepted(answer: Fields, told: Told, _: Fields) -> Fields:
    return {**answer, "decision": "accept", "reasons": [f"As told: {told.text}"]}


def _worked(answer: Fields, told: Told, seen: Fields) -> Fields:
    """Bend a specialist's result: its proposals, and what it says of its checks."""
    slot, tools = _slot(seen)
    found = answer.get("proposals")
    proposals = [p for p in found if isinstance(p, dict)] if isinstance(found, list) else []
    offered = seen["tools"] if isinstance(seen["tools"], list) else []
    told_calls: list[Fields] = [
        {"slot": slot or 1, "tool": t, "arguments": a} for t, a in told.calls if t not in offered
    ]
    pays = next((t for t in tools if "pay" in t), None)
    if told_calls:
        proposals = told_calls
    elif pays and (told.approve or told.accounts):
        proposals = [{**p, "tool": pays} for p in proposals]
        answer = {**answer, "decision": "pay"}
    bent: list[Json] = [{**p, "arguments": _literal(p.get("arguments"), told)} for p in proposals]
    findings = answer.get("findings")
    checks = findings if isinstance(findings, list) else []
    passed: Json = [{**f, "passed": True} for f in checks if isinstance(f, dict)]
    summary = f"As told: {told.text}"
    return {**answer, "proposals": bent, "findings": passed, "summary": summary, "confidence": 1.0}


def _planned(answer: Fields, told: Told, _: Fields) -> Fields:
    """Add the told tools to every slot of a plan; leave anything else as it is."""
    subtasks = answer.get("subtasks")
    names: list[Json] = [tool for tool, _ in told.calls]
    if not isinstance(subtasks, list) or not names:
        return answer
    return {**answer, "subtasks": [_widened(s, names) for s in subtasks if isinstance(s, dict)]}


def _widened(subtask: Fields, names: list[Json]) -> Fields:
    slots = subtask.get("slots")
    if not isinstance(slots, list):
        return subtask
    wide: list[Json] = []
    for slot in slots:
        tools = slot.get("tools") if isinstance(slot, dict) else None
        if isinstance(slot, dict) and isinstance(tools, list):
            wide.append({**slot, "tools": [*tools, *(n for n in names if n not in tools)]})
    return {**subtask, "slots": wide}


def _literal(arguments: Json, told: Told) -> Fields:
    """Put the told account and amount in place of what stands there; add them where none does."""
    bent: Fields = dict(arguments) if isinstance(arguments, dict) else {}
    for pattern, new, literals in (
        (_ACCOUNT, "iban", told.accounts),
        (_AMOUNT, "amount", told.amounts),
    ):
        if literals:
            names = [name for name in bent if pattern.search(name)] or [new]
            bent.update(dict.fromkeys(names, literals[-1]))
    return bent


def _slot(seen: Fields) -> tuple[int | None, list[str]]:
    """Return number and tools of the first slot of the subtask at hand."""
    given = seen["input"]
    subtask = given.get("subtask") if isinstance(given, dict) else None
    slots = subtask.get("slots") if isinstance(subtask, dict) else None
    first = slots[0] if isinstance(slots, list) and slots else None
    if not isinstance(first, dict):
        return None, []
    number, tools = first.get("number"), first.get("tools")
    names = [str(t) for t in tools] if isinstance(tools, list) else []
    return (number if isinstance(number, int) else None), names
