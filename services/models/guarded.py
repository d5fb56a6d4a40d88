"""Guardrails around a provider: on what is asked of a model, and on what it answers.

They stand outside the agents: what is blocked here never reaches the provider, or the agent.
"""

import json
from dataclasses import dataclass, replace

from quartet.contracts.base import Json
from quartet.contracts.chat import ChatRequest, Message
from quartet.contracts.guard import Flag
from quartet.trust.guardrails import Rails, Screened, screen
from services.models.provider import Completion, Provider, Route

MOST_ASKED, MOST_ANSWERED = 4_000_000, 400_000
"""Characters: a document of the largest size with its reading, and the longest answer."""


@dataclass(frozen=True)
class Guarded:
    """Screens prompts and answers of ``inner``; ``own`` are secrets of this process."""

    inner: Provider
    own: frozenset[str] = frozenset()

    def complete(self, request: ChatRequest, route: Route) -> Completion:
        """Return the completion with what was found; a blocked one says so in place of an answer.

        Hidden characters and secrets are taken out of a prompt; an answer with a secret is blocked.
        """
        asked = Rails(most_chars=MOST_ASKED, secrets="rewrite", own=self.own)
        seen = screen([_material(m) for m in request.messages], asked)
        if seen.action == "block":
            return blocked("the prompt", seen, Completion(_SILENCE, "content_filter"))
        clean = request if seen.action == "allow" else _rewritten(request, seen.content)
        return self._answered(self.inner.complete(clean, route), seen.flags)

    def _answered(self, done: Completion, flags: tuple[Flag, ...]) -> Completion:
        answered = Rails(most_chars=MOST_ANSWERED, own=self.own)
        told = screen(done.message.model_dump(mode="json"), answered)
        flags = (*flags, *(f.model_copy(update={"where": f"answer.{f.where}"}) for f in told.flags))
        if told.action == "block":
            return replace(blocked("the answer", told, done), flags=flags)
        message = done.message
        if told.action == "rewrite":
            message = Message.model_validate(told.content)
        return replace(done, message=message, flags=flags)


def blocked(what: str, seen: Screened, done: Completion) -> Completion:
    """Return a completion that says only that a guardrail blocked it."""
    return replace(
        done,
        message=_SILENCE,
        finish_reason="content_filter",
        refusal=f"a guardrail blocked {what}: {seen.says()}"[:500],
        flags=seen.flags,
    )


_SILENCE = Message(role="assistant")


def _material(message: Message) -> Json:
    """Return what a message holds: its JSON where it is some; nothing of our own prompt."""
    if message.role == "system":
        return None
    try:
        held: Json = json.loads(message.content or "null")
    except ValueError:
        held = message.content
    return held


def _rewritten(request: ChatRequest, clean: Json) -> ChatRequest:
    parts = clean if isinstance(clean, list) else []
    messages = tuple(
        m if part is None else m.model_copy(update={"content": _text(part)})
        for m, part in zip(request.messages, parts, strict=True)
    )
    return request.model_copy(update={"messages": messages})


def _text(part: Json) -> str:
    return part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
