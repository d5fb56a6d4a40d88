"""Guardrails around a provider: on what is asked of a model, and on what it answers.

They stand outside the agents: what is blocked here never reaches the provider, or the agent.
"""

import json
from dataclasses import dataclass, replace

from quartet.contracts.base import Json
from quartet.contracts.chat import ChatRequest, Message
from quartet.trust.guardrails import Rails, Screened, screen
from services.models.provider import Completion, Provider, Route

MOST_ASKED, MOST_ANSWERED = 4_000_000, 400_000
"""Characters: a document of the largest size with its reading, and the longest answer."""


@dataclass(frozen=True)
class Prompt:
    """A request as it goes on: without hidden characters and secrets, or blocked."""

    request: ChatRequest
    seen: Screened


def screened(request: ChatRequest, own: frozenset[str]) -> Prompt:
    """Return what may be asked of a provider, and kept; ``own`` are secrets of this process."""
    rails = Rails(most_chars=MOST_ASKED, secrets="rewrite", own=own)
    seen = screen([_material(m) for m in request.messages], rails)
    return Prompt(_rewritten(request, seen.content) if seen.action == "rewrite" else request, seen)


def answered(
    prompt: Prompt, inner: Provider, route: Route, own: frozenset[str] = frozenset()
) -> Completion:
    """Return the completion with what was found; a blocked one says so in place of an answer."""
    if prompt.seen.action == "block":
        return _blocked("the prompt", prompt.seen, Completion(_SILENCE, "content_filter"))
    done = inner.complete(prompt.request, route)
    told = screen(done.message.model_dump(mode="json"), Rails(most_chars=MOST_ANSWERED, own=own))
    flags = tuple(f.model_copy(update={"where": f"answer.{f.where}"}) for f in told.flags)
    done = replace(done, flags=(*prompt.seen.flags, *flags))
    if told.action == "block":
        return _blocked("the answer", told, done)
    if told.action == "rewrite":
        return replace(done, message=Message.model_validate(told.content))
    return done


def _blocked(what: str, seen: Screened, done: Completion) -> Completion:
    """Return a completion that says only that a guardrail blocked it."""
    return replace(
        done,
        message=_SILENCE,
        finish_reason="content_filter",
        refusal=f"a guardrail blocked {what}: {seen.says()}"[:500],
        flags=done.flags or seen.flags,
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
