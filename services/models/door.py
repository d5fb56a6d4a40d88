"""The door: routes a completion, has it answered, settles value and cost, checks the answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from quartet.contracts.base import Json
from quartet.contracts.chat import ChatAnswer, ChatRequest
from quartet.contracts.effect import Settled, Settlement, Spend
from quartet.packs.manifest import Manifest
from quartet.resilience.failures import Abandon
from quartet.sidecar.ports import Invoker
from quartet.trust.digest import digest
from services.models.check import check
from services.models.config import ModelsFile
from services.models.guarded import Guarded
from services.models.provider import Completion, Provider

SETTLE_TIMEOUT_S = 15.0


class SkillNotYours(Abandon):
    """A caller asked in the name of another role or of a kind that it does not run."""

    status = 403


@dataclass(frozen=True)
class Door:
    """Completions for agents; whoever asks pays, also for an answer that is of no use."""

    routes: ModelsFile
    providers: Mapping[str, Provider]
    toolbox: Invoker
    manifest: Manifest
    own: frozenset[str] = frozenset()
    """Secrets of this process, which no prompt and no answer may hold."""

    def complete(self, caller: str, request: ChatRequest) -> ChatAnswer:
        """Return a checked answer whose value and cost the toolbox has; raises Failing."""
        skill = request.purpose.skill
        if skill not in skills_of(caller, self.manifest):
            raise SkillNotYours(
                f"{caller} may not ask for {skill!r}; only for "
                f"{', '.join(skills_of(caller, self.manifest)) or 'nothing'}.",
                cause="policy",
                title="SkillNotYours",
            )
        route = self.routes.route(skill)
        completion = Guarded(self.providers[route.provider], self.own).complete(request, route)
        spend = route.spend(completion.usage)
        self._settle(caller, request, completion, spend)
        check(request, completion)
        return ChatAnswer(
            message=completion.message, finish_reason=completion.finish_reason, spend=spend
        )

    def _settle(
        self, caller: str, request: ChatRequest, completion: Completion, spend: Spend
    ) -> None:
        asked: Json = {
            "messages": [m.model_dump(mode="json") for m in request.messages],
            "tools": [t.model_dump(mode="json") for t in request.tools],
            "response_schema": request.response_schema,
            "turn": request.purpose.turn,
        }
        settlement = Settlement(
            task=request.purpose.task,
            subtask=request.purpose.subtask,
            attempt=request.purpose.attempt,
            caller=caller,
            tool=request.purpose.skill,
            arguments_digest=digest(asked),
            value={
                "message": completion.message.model_dump(mode="json", exclude_none=True),
                "finish_reason": completion.finish_reason,
                "refusal": completion.refusal,
                "id": completion.id,
            },
            spend=spend,
            flags=completion.flags,
            asked=asked,
        )
        self.toolbox.call("toolbox", "settle", settlement, Settled, SETTLE_TIMEOUT_S)


def skills_of(caller: str, manifest: Manifest) -> tuple[str, ...]:
    """Return the skills in whose name an app may ask, as ``<role>.<skill>``."""
    if caller == "planner":
        return ("planner.draft_plan", "planner.synthesize")
    if caller == "critic":
        return tuple(f"critic.{skill.kind}" for skill in manifest.skills)
    return tuple(
        f"specialist.{kind}"
        for s in manifest.specialists
        if s.app_id == caller
        for kind in s.skills
    )
