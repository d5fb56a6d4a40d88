"""How a failure is told, in records and over HTTP; the exceptions live in quartet.resilience."""

from typing import Literal

from quartet.contracts.base import Contract, KeptText, Line, Name

Cause = Literal["model", "tool", "network", "policy", "data"]
Advice = Literal["retry-now", "retry-later", "retry-changed", "abandon"]


class Failure(Contract):
    """A classified failure.

    ``title`` names the kind (``NoSpecialistAvailable``), ``detail`` says what happened and
    what to do; ``after_s`` is the least wait before a retry, in seconds.
    """

    title: KeptText
    detail: KeptText
    cause: Cause
    advice: Advice
    after_s: float | None = None


class Problem(Contract):
    """An RFC 9457 problem document (``application/problem+json``) with our two extensions."""

    type: str = "about:blank"
    title: KeptText
    status: int
    detail: KeptText
    instance: str | None = None
    cause: Cause
    advice: Advice
    after_s: float | None = None


class Refusal(Contract):
    """One line of a list of reasons, e.g. why a plan is not valid."""

    about: Name | None = None
    says: Line
