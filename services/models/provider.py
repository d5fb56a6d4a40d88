"""What a provider of models is to this service: the port, a route to it, and its answer."""

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Protocol

from quartet.contracts.base import Usd
from quartet.contracts.chat import ChatRequest, Finish, Message
from quartet.contracts.effect import Spend
from quartet.contracts.guard import Flag

_MILLION = Decimal(1_000_000)
_NANO = Decimal("0.000000001")
_AROUND = 16
"""Tokens that a provider may put around a message."""


@dataclass(frozen=True)
class Route:
    """Where completions of some skills go: provider, model, prices, time-out, seed."""

    provider: str
    model: str
    usd_per_million_input: Decimal = Decimal(0)
    usd_per_million_output: Decimal = Decimal(0)
    timeout_s: float = 60.0
    seed: int | None = None

    def price(self, input_tokens: int, output_tokens: int) -> Usd:
        """Return what so many tokens cost on this route, rounded up to a billionth of a dollar."""
        exact = (
            input_tokens * self.usd_per_million_input + output_tokens * self.usd_per_million_output
        ) / _MILLION
        return f"{exact.quantize(_NANO, rounding=ROUND_UP):f}"

    def worst(self, request: ChatRequest) -> tuple[int, Usd]:
        """Return the most tokens that a request can use, and what they cost.

        No tokenizer makes more tokens of a text than it has bytes; a request's JSON is longer
        than its text by more than what providers put around messages.
        """
        prompt = len(request.model_dump_json().encode()) + _AROUND * len(request.messages)
        output = request.max_completion_tokens
        return prompt + output, self.price(prompt, output)

    def spend(self, used: "Usage") -> Spend:
        """Return what these tokens cost on this route."""
        return Spend(
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cost_usd=self.price(used.input_tokens, used.output_tokens),
            model=used.model or self.model,
            provider=self.provider,
        )


@dataclass(frozen=True)
class Usage:
    """Tokens of one completion as its provider counts them, and the model that it names."""

    input_tokens: int = 0
    output_tokens: int = 0
    model: str = ""


@dataclass(frozen=True)
class Completion:
    """A provider's answer before it is checked; ``refusal`` is its own word for not answering."""

    message: Message
    finish_reason: Finish
    usage: Usage = Usage()
    refusal: str = ""
    id: str = ""
    """The provider's name for this completion, so that two equal ones are paid twice."""
    flags: tuple[Flag, ...] = ()
    """What guardrails found in prompt and answer."""


class Provider(Protocol):
    """Something that completes a conversation."""

    def complete(self, request: ChatRequest, route: Route) -> Completion:
        """Return the completion; raises Failing when there is none."""


class Secrets(Protocol):
    """The secret stores of the sidecar."""

    def secret(self, store: str, name: str) -> str:
        """Return one secret; raises Failing."""
