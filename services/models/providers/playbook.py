"""The offline model: answers from the pack's rules, in the OpenAI shape.

It is rules and no understanding, for demo, tests and development without a provider. It uses no
tokens and costs nothing, and says so.
"""

import json
from dataclasses import dataclass

from quartet.contracts.chat import Called, ChatRequest, Message, ToolUse
from quartet.packs.load import Pack
from quartet.resilience.failures import Abandon
from services.models.provider import Completion, Route
from services.models.providers.rules import (
    SkillRules,
    compile_playbook,
    context,
    turns_of,
)


@dataclass(frozen=True)
class Playbook:
    """The compiled rules of one pack, as a provider."""

    skills: dict[str, SkillRules]

    def complete(self, request: ChatRequest, route: Route) -> Completion:
        """Return what the first fitting rule says; raises Abandon (cause model) when none fits."""
        skill = request.purpose.skill
        rules = self.skills.get(skill)
        fits = rules.first(context(request)) if rules else None
        if fits is None:
            raise Abandon(
                f"No rule of the playbook ({route.provider}) fits this turn of {skill!r}. "
                "Add one to the pack's playbook.yaml, or route the skill to a model.",
                cause="model",
                title="NoRuleFits",
            )
        rule, seen = fits
        if rule.answer is not None:
            content = json.dumps(rule.answer(seen), ensure_ascii=False)
            return Completion(Message(role="assistant", content=content), "stop")
        turn = turns_of(request.messages)
        uses = tuple(
            ToolUse(
                id=f"call-{turn}-{n}",
                function=Called(name=tool, arguments=json.dumps(fill(seen), ensure_ascii=False)),
            )
            for n, (tool, fill) in enumerate(rule.calls)
        )
        return Completion(Message(role="assistant", tool_calls=uses), "tool_calls")


def playbook_of(pack: Pack) -> Playbook:
    """Return the provider of a pack's playbook.yaml; raises Abandon for a bad one."""
    where = pack.folder / "playbook.yaml"
    return Playbook(compile_playbook(pack.text("playbook.yaml"), str(where)))
