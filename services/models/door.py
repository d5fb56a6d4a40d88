"""The door: routes a completion, reserves its worst case, has it answered, settles, checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quartet.contracts.base import Digest, Json
from quartet.contracts.budget import Release, Released, ReservationId, Reserve, Reserved
from quartet.contracts.chat import ChatAnswer, ChatRequest
from quartet.contracts.effect import Settled, Settlement, Spend
from quartet.packs.manifest import Manifest
from quartet.resilience.failures import Abandon, Failing
from quartet.service.log import get_logger
from quartet.sidecar.ports import Invoker
from quartet.trust.digest import digest
from services.models.check import check
from services.models.config import ModelsFile
from services.models.guarded import answered, screened
from services.models.provider import Completion, Provider, Route

SETTLE_TIMEOUT_S = 15.0
UNPAID = frozenset(
    ("ModelAway", "ModelRateLimited", "ModelKeyMissing", "ModelKeyRefused", "ModelRequestRefused")
)
"""Failures of providers after which nothing was asked or answered, so nothing is to be paid."""
log = get_logger("models")


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

    def complete(self, caller: str, request: ChatRequest, token: str = "") -> ChatAnswer:
        """Return a checked answer whose value and cost the toolbox has; raises Failing.

        ``token`` is the caller's own, which was checked; the toolbox checks it again.
        """
        skill = request.purpose.skill
        if skill not in skills_of(caller, self.manifest):
            raise SkillNotYours(
                f"{caller} may not ask for {skill!r}; only for "
                f"{', '.join(skills_of(caller, self.manifest)) or 'nothing'}.",
                cause="policy",
                title="SkillNotYours",
            )
        route = self.routes.route(skill, caller)
        prompt = screened(request, self.own)
        asked = _asked(prompt.request)
        call = _Call(caller, prompt.request, asked, digest(asked), token)
        reservation = self._reserve(call, route)
        try:
            completion = answered(prompt, self.providers[route.provider], route, self.own)
        except Failing as error:
            self._release(call, reservation, error)
            raise
        spend = route.spend(completion.usage)
        self._settle(call, reservation, completion, spend)
        check(request, completion)
        return ChatAnswer(
            message=completion.message, finish_reason=completion.finish_reason, spend=spend
        )

    def _reserve(self, call: "_Call", route: Route) -> ReservationId:
        """Reserve the worst case; raises the toolbox's refusal when it does not fit."""
        tokens, cost_usd = route.worst(call.request)
        reserve = Reserve(
            **call.named(),
            kind="model",
            name=call.request.purpose.skill,
            cost_usd=cost_usd,
            tokens=tokens,
            timeout_s=route.timeout_s,
        )
        reserved = self.toolbox.call(
            "toolbox", "reserve", reserve, Reserved, SETTLE_TIMEOUT_S, call.token
        )
        return reserved.reservation

    def _release(self, call: "_Call", reservation: ReservationId, error: Failing) -> None:
        """Give back what a call did not cost for sure; any other is settled at its worst case."""
        if error.failure.title not in UNPAID:
            return
        task, why = call.request.purpose.task, error.failure.title
        release = Release(task=task, reservation=reservation, why=why)
        try:
            self.toolbox.call("toolbox", "release", release, Released, SETTLE_TIMEOUT_S)
        except Failing as away:
            log.warning("%s is not released: %s", reservation, away.failure.detail)

    def _settle(
        self, call: "_Call", reservation: ReservationId, completion: Completion, spend: Spend
    ) -> None:
        settlement = Settlement(
            **call.named(),
            tool=call.request.purpose.skill,
            value={
                "message": completion.message.model_dump(mode="json", exclude_none=True),
                "finish_reason": completion.finish_reason,
                "refusal": completion.refusal,
                "id": completion.id,
            },
            spend=spend,
            flags=completion.flags,
            asked=call.asked,
            reservation=reservation,
        )
        self.toolbox.call("toolbox", "settle", settlement, Settled, SETTLE_TIMEOUT_S, call.token)


@dataclass(frozen=True)
class _Call:
    """One completion under way: who asks with which token, what is asked, and its digest."""

    caller: str
    request: ChatRequest
    asked: Json
    digest: Digest
    token: str = field(repr=False)

    def named(self) -> dict[str, Any]:
        """Return what reservation and settlement both say of the call."""
        purpose = self.request.purpose
        return {
            "task": purpose.task,
            "subtask": purpose.subtask,
            "attempt": purpose.attempt,
            "caller": self.caller,
            "arguments_digest": self.digest,
        }


def _asked(request: ChatRequest) -> Json:
    """Return what is asked, in which turn."""
    return {
        "messages": [m.model_dump(mode="json") for m in request.messages],
        "tools": [t.model_dump(mode="json") for t in request.tools],
        "response_schema": request.response_schema,
        "turn": request.purpose.turn,
    }


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
