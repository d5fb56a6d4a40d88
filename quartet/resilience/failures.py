"""The failure taxonomy: exceptions named by what to do; how failures are recorded is a contract.

    Failing
    ├── RetryNow      the same again, at once
    ├── RetryLater    the same again, after ``after`` seconds at least
    ├── RetryChanged  something else: the detail says what has to change
    └── Abandon       no retry helps

Each carries a cause: model, tool, network, policy or data.
"""

from typing import ClassVar

from quartet.contracts.failure import Advice, Cause, Failure, Problem

STATUS: dict[Advice, int] = {
    "retry-now": 503,
    "retry-later": 503,
    "retry-changed": 422,
    "abandon": 400,
}


class Failing(Exception):
    """Something failed; ``title`` names the kind, ``detail`` says what and what to do."""

    advice: ClassVar[Advice] = "abandon"
    status: ClassVar[int | None] = None
    """The HTTP status of this kind of failure, where the advice's own does not fit."""

    def __init__(
        self, detail: str, *, cause: Cause, title: str = "", after: float | None = None
    ) -> None:
        """Take the sentence for people, the cause, and the least wait in seconds."""
        super().__init__(detail)
        self.answered: int | None = None
        """The HTTP status that another service told this failure with."""
        self.failure = Failure(
            title=title or type(self).__name__,
            detail=detail,
            cause=cause,
            advice=self.advice,
            after_s=after,
        )

    def problem(self, status: int | None = None) -> Problem:
        """Return the RFC 9457 form; the status follows from the advice unless given or told."""
        f = self.failure
        return Problem(
            title=f.title,
            status=status or self.answered or self.status or STATUS[f.advice],
            detail=f.detail,
            cause=f.cause,
            advice=f.advice,
            after_s=f.after_s,
        )


class RetryNow(Failing):
    """The same call may be repeated at once."""

    advice: ClassVar[Advice] = "retry-now"


class RetryLater(Failing):
    """The same call may be repeated after a wait."""

    advice: ClassVar[Advice] = "retry-later"


class RetryChanged(Failing):
    """A repeat helps only when what is sent changes."""

    advice: ClassVar[Advice] = "retry-changed"


class Abandon(Failing):
    """No repeat helps."""

    advice: ClassVar[Advice] = "abandon"


KINDS: dict[Advice, type[Failing]] = {
    kind.advice: kind for kind in (RetryNow, RetryLater, RetryChanged, Abandon)
}


def failing(failure: Failure) -> Failing:
    """Return the exception that tells this failure again."""
    return KINDS[failure.advice](
        failure.detail, cause=failure.cause, title=failure.title, after=failure.after_s
    )
