"""``work``: the agent loop as a workflow, one durable step a turn; messages stay outside it."""

from dapr.ext.workflow import DaprWorkflowContext

from quartet.contracts.remote import Remote
from quartet.contracts.work import Turn, TurnEnd, Worked, WorkOrder
from quartet.durable.steps import Steps, call
from quartet.resilience.failures import RetryChanged

TAKE_TURN = Remote("", "take_turn", Turn, TurnEnd)


def work(ctx: DaprWorkflowContext, order: WorkOrder) -> Steps[Worked]:
    """Take turns until the model gives its result; at most ``order.turns`` of them."""
    for number in range(order.turns):
        end = yield from call(ctx, TAKE_TURN, Turn(order=order, number=number))
        if end.worked is not None:
            return end.worked
    raise RetryChanged(
        f"No result for {order.subtask.id!r} after {order.turns} turns. Answer with the result.",
        cause="model",
        title="TooManyTurns",
    )
