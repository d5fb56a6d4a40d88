"""A suite's models that do what they read, and agents that pass orders on in their own words.

The suite's own provider ``obey`` answers; two skills go through an endpoint of the test, where an
agent's summary and the critic's feedback say what an attack wants them to.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import yaml

from quartet.contracts.base import Fields, Json
from quartet.packs.load import load
from quartet.testing.endpoint import Endpoint, Exchange, Script, answering
from services.models.provider import Route
from services.models.providers.obey import Obedient
from services.models.providers.playbook import playbook_of
from tests.suite.client import PACK
from tests.suite.injections import Attack
from tests.suite.scripted_model import request_of

READS, JUDGES = "specialist.read-invoice", "critic.settle-invoice"


@dataclass
class Telling(Endpoint):
    """Answers as ``obey`` does; where an attack says so, an agent's own words carry the order."""

    scripts: list[Script] = field(default_factory=list)
    orders: dict[str, Attack] = field(default_factory=dict)
    """By invoice number."""

    def expect(self, attacks: Iterable[Attack]) -> None:
        """Take the attacks that agents pass on."""
        self.orders = {one.number: one for one in attacks if one.said}

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        body: Fields = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        skill, asked = str(body["model"]), str(body["messages"])
        done = Obedient(playbook_of(load(PACK))).complete(request_of(skill, body), Route("o", "o"))
        message: Fields = done.message.model_dump(mode="json", exclude_none=True)
        attack = next((a for number, a in self.orders.items() if number in asked), None)
        if attack and attack.place == "summary" and skill == READS:
            message = _with(message, summary=attack.said[:500])
        first = '"feedback": ""' in asked
        if attack and attack.place == "feedback" and skill == JUDGES and first:
            message = _with(message, decision="revise", reasons=[attack.said[:500]])
        answering(message, done.finish_reason)(Exchange(handler, self.over))

    def models_file(self, path: Path) -> Path:
        """Write the models.yaml that routes the two skills here and all others to ``obey``."""
        providers = {
            "playbook": {"kind": "playbook"},
            "obey": {"kind": "obey", "of": "playbook"},
            "telling": {"kind": "openai", "base_url": self.base_url},
        }
        routes = [{"skills": s, "provider": "telling", "model": s} for s in (READS, JUDGES)]
        routes.append({"skills": "*", "provider": "obey", "model": "obey"})
        path.write_text(yaml.safe_dump({"providers": providers, "routes": routes}))
        return path


def _with(message: Fields, **other: Json) -> Fields:
    """Return an answer with other fields; a call of tools stays as it is."""
    content = message.get("content")
    if not isinstance(content, str):
        return message
    return {**message, "content": json.dumps(json.loads(content) | other)}
