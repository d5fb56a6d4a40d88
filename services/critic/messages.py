"""What the critic's own workflow and steps say to each other."""

from typing import Annotated

from pydantic import Field

from quartet.contracts.base import Contract, Line
from quartet.contracts.failure import Failure
from quartet.contracts.remote import Remote
from quartet.contracts.work import Decision, ReviewOrder, Verdict


class ReviewTurn(Contract):
    """The next turn of a review."""

    order: ReviewOrder
    number: int = Field(ge=0)


class ReviewEnd(Contract):
    """How a turn ended: with the verdict, stored and published, or asking for another turn."""

    verdict: Verdict | None = None


class GivenUp(Contract):
    """A review that can come to no judgement, and why."""

    order: ReviewOrder
    failure: Failure


class Judgement(Contract):
    """The critic model's answer."""

    decision: Decision
    reasons: Annotated[tuple[Line, ...], Field(max_length=20)] = ()


REVIEW_SUBTASK = Remote("", "review_subtask", ReviewOrder, ReviewEnd)
GIVE_UP = Remote("", "give_up", GivenUp, ReviewEnd)
TAKE_REVIEW_TURN = Remote("", "take_review_turn", ReviewTurn, ReviewEnd)
