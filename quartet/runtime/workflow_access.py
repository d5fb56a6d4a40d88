"""Who may have which workflow or activity run on another app-id: Dapr's own policies, as data.

The coordinator has none: Dapr 1.18.2 takes the end of a child workflow on another app-id, which
comes back to its parent as an event, for a call that no policy can allow. Its workflows and
activities take sealed messages only (`quartet.durable.seal`).
"""

from typing import Any

from quartet.contracts.remote import DRAFT_PLAN, REVISE_PLAN, SYNTHESIZE, WORK
from quartet.runtime.layout import COORDINATOR, guarded, workflow_policy
from quartet.runtime.shape import Shape

Document = dict[str, Any]


def workflow_policies(shape: Shape) -> list[Document]:
    """Return the policy of each app-id that may have one; whoever is in no rule may do nothing."""
    rules = {app_id: [_works()] for app_id in shape.specialists} | {"planner": [_plans()]}
    guards = (app.app_id for app in shape.apps if guarded(app.app_id))
    return [_policy(app_id, rules.get(app_id, [])) for app_id in guards]


def _works() -> Document:
    """Let the coordinator start the work of a subtask, and end it with its task."""
    work = {"name": WORK.name, "operations": ["schedule", "terminate"]}
    return {"callers": [{"appID": COORDINATOR}], "workflows": [work]}


def _plans() -> Document:
    names = (DRAFT_PLAN.name, REVISE_PLAN.name, SYNTHESIZE.name)
    return {
        "callers": [{"appID": COORDINATOR}],
        "activities": [{"name": name} for name in names],
    }


def _policy(app_id: str, rules: list[Document]) -> Document:
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "WorkflowAccessPolicy",
        "metadata": {"name": workflow_policy(app_id)},
        "scopes": [app_id],
        "spec": {"rules": rules},
    }
