"""``review_subtask``: the critic's loop as a workflow, started by ``subtask-completed``."""

from dapr.ext.workflow import DaprWorkflowContext

from quartet.contracts.budget import EXCEEDED
from quartet.contracts.work import ReviewOrder
from quartet.durable.steps import Steps, call
from quartet.resilience.failures import Abandon, Failing
from services.critic.messages import GIVE_UP, TAKE_REVIEW_TURN, GivenUp, ReviewEnd, ReviewTurn


def review_subtask(ctx: DaprWorkflowContext, order: ReviewOrder) -> Steps[ReviewEnd]:
    """Bring a review to its verdict; a critic without budget or a useful model rejects.

    What is only out of reach fails the review instead: the coordinator asks for it again.
    """
    try:
        return (yield from _reviewed(ctx, order))
    except Failing as error:
        useless = error.failure.cause == "model" and error.failure.advice != "retry-later"
        if not useless and error.failure.title != EXCEEDED:
            raise
        given_up = GivenUp(order=order, failure=error.failure)
    return (yield from call(ctx, GIVE_UP, given_up))


def _reviewed(ctx: DaprWorkflowContext, order: ReviewOrder) -> Steps[ReviewEnd]:
    """Take turns until there is a verdict; at most as many as the work itself may take."""
    for number in range(order.order.turns):
        end = yield from call(ctx, TAKE_REVIEW_TURN, ReviewTurn(order=order, number=number))
        if end.verdict is not None:
            return end
    raise Abandon(
        f"No verdict on {order.order.subtask.id!r} after {order.order.turns} turns.",
        cause="model",
        title="TooManyTurns",
    )
