"""A model endpoint for whole suites: right answers by the pack's rules, others where a test says.

The models file names each skill as the model of its own route, so that a request tells its skill.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler
from itertools import chain, repeat
from pathlib import Path

import yaml

from quartet.contracts.base import Fields, Json
from quartet.contracts.chat import ChatRequest, FunctionSpec, Message, Purpose, ToolSpec
from quartet.packs.load import load
from quartet.testing.asking import TASK
from quartet.testing.endpoint import Endpoint, Exchange, Received, Script, answering
from services.models.door import skills_of
from services.models.provider import Route
from services.models.providers.playbook import Playbook, playbook_of
from tests.suite.client import PACK

TIMEOUT_S = 5.0
CALLERS = ("planner", "critic", "specialist-documents", "specialist-finance")


def saying(answer: Json) -> Script:
    """Script an answer whose content is this JSON."""
    return answering({"role": "assistant", "content": json.dumps(answer)})


def using(tool: str, arguments: str) -> Script:
    """Script an answer that calls a tool with these arguments, as text."""
    function: Fields = {"name": tool, "arguments": arguments}
    use: Fields = {"id": "call-1", "type": "function", "function": function}
    return answering({"role": "assistant", "tool_calls": [use]}, "tool_calls")


def silent(exchange: Exchange) -> None:
    """Never answer."""
    exchange.over.wait(TIMEOUT_S * 2)


@dataclass
class ScriptedModel(Endpoint):
    """Answers each skill by its scripts, one after the other, then by the pack's rules."""

    scripts: list[Script] = field(default_factory=list)
    told: dict[str, Iterator[Script | None]] = field(default_factory=dict)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Note a request and answer it."""
        body: Fields = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.received.append(Received(handler.path, headers, body))
        skill = str(body["model"])
        script = next(self.told.get(skill, iter(())), None) or by_rules(skill, body)
        script(Exchange(handler, self.over))

    @contextmanager
    def told_to(self, **scripts: "Script | list[Script]") -> Iterator[None]:
        """Answer skills otherwise for a while: ``planner__draft_plan`` for planner.draft_plan.

        A list is used up one request after the other; a single script answers for ever.
        """
        self.received.clear()
        self.told = {_skill(name): _as_iterator(one) for name, one in scripts.items()}
        try:
            yield
        finally:
            self.told = {}

    def asked(self, skill: str) -> list[Fields]:
        """Return the requests for a skill since the last script was set."""
        return [one.body for one in self.received if one.body["model"] == skill]

    def models_file(self, path: Path, prices: Mapping[str, str] | None = None) -> Path:
        """Write the models.yaml that routes every skill here.

        ``prices`` are US dollars per million output tokens by skill; other skills cost nothing.
        """
        priced = prices or {}
        manifest = load(PACK).manifest
        skills = chain.from_iterable(skills_of(caller, manifest) for caller in CALLERS)
        routes = [
            {
                "skills": skill,
                "provider": "scripted",
                "model": skill,
                "timeout_s": TIMEOUT_S,
                "usd_per_million_output": priced.get(skill, "0"),
            }
            for skill in skills
        ]
        provider = {"kind": "openai", "base_url": self.base_url}
        path.write_text(yaml.safe_dump({"providers": {"scripted": provider}, "routes": routes}))
        return path


def _skill(name: str) -> str:
    role, _, skill = name.partition("__")
    return f"{role}.{skill if role == 'planner' else skill.replace('_', '-')}"


def _as_iterator(scripts: "Script | list[Script]") -> Iterator[Script | None]:
    return iter(scripts) if isinstance(scripts, list) else repeat(scripts)


@cache
def _rules() -> Playbook:
    return playbook_of(load(PACK))


def by_rules(skill: str, body: Mapping[str, Json]) -> Script:
    """Return what the pack's rules answer."""
    done = _rules().complete(request_of(skill, body), Route("rules", "rules"))
    return answering(done.message.model_dump(mode="json", exclude_none=True), done.finish_reason)


def request_of(skill: str, body: Mapping[str, Json]) -> ChatRequest:
    """Return the request of the models service that came as this body."""
    messages, tools = body["messages"], body.get("tools") or []
    assert isinstance(messages, list)
    assert isinstance(tools, list)
    functions = [t["function"] for t in tools if isinstance(t, dict)]
    return ChatRequest(
        purpose=Purpose(task=TASK, subtask="some", attempt=1, turn=0, skill=skill),
        messages=tuple(Message.model_validate(one) for one in messages),
        tools=tuple(ToolSpec(function=FunctionSpec.model_validate(f)) for f in functions),
    )
