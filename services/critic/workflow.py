"""``review_subtask``: the critic's loop as a workflow, started by ``subtask-completed``."""

from dapr.ext.workflow import DaprWorkflowContext

from quartet.contracts.work import ReviewOrder
from quartet.durable.steps import Steps, call
from quartet.resilience.failures import Abandon
from services.critic.messages import TAKE_REVIEW_TURN, ReviewEnd, ReviewTurn


def review_subtask(ctx: DaprWorkflowContext, order: ReviewOrder) -> Steps[ReviewEnd]:
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
