"""A service taken over by somebody: has workflows run wherever it likes, with its own sidecar.

Test suites run it in place of a specialist: with that app-id's certificate, tokens and rights.
"""

import os
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import grpc
import uvicorn
from dapr.ext.workflow import (
    DaprWorkflowClient,
    DaprWorkflowContext,
    TaskFailedError,
    WorkflowRuntime,
    when_any,
)
from fastapi import FastAPI

PATIENCE = timedelta(seconds=20)
app = FastAPI()
port = os.environ["DAPR_GRPC_PORT"]
worker = WorkflowRuntime(host="127.0.0.1", port=port)


def attack(ctx: DaprWorkflowContext, order: dict[str, Any]) -> Generator[Any, Any, str]:
    """Have an activity or a workflow run on another app-id; return what came of it."""
    if order["kind"] == "activity":
        wanted = ctx.call_activity(order["name"], input=order["input"], app_id=order["app_id"])
    else:
        wanted = ctx.call_child_workflow(
            order["name"],
            input=order["input"],
            instance_id=order["instance"],
            app_id=order["app_id"],
        )
    try:
        done = yield when_any([wanted, ctx.create_timer(PATIENCE)])
        return f"done: {wanted.get_result()}" if done is wanted else "no answer"
    except TaskFailedError as error:
        return f"failed: {error.details.error_type} {error.details.message}"


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer as every service does."""
    return {"status": "ok", "app_id": os.environ["APP_ID"]}


@app.post("/attack")
def attacked(order: dict[str, Any]) -> dict[str, str]:
    """Run one attack to its end."""
    client = DaprWorkflowClient(host="127.0.0.1", port=port)
    instance = client.schedule_new_workflow("attack", input=order)
    state = client.wait_for_workflow_completion(instance, timeout_in_seconds=60)
    client.close()
    assert state is not None
    failure = state.failure_details.message if state.failure_details else ""
    return {"told": f"{state.runtime_status.name} {state.serialized_output} {failure}"}


@app.post("/reach")
def reached(order: dict[str, str]) -> dict[str, str]:
    """Try an operation on somebody else's instance by its id."""
    client = DaprWorkflowClient(host="127.0.0.1", port=port)
    try:
        if order["operation"] == "raise":
            client.raise_workflow_event(order["instance"], "reviewed-1", data={})
        else:
            getattr(client, f"{order['operation']}_workflow")(order["instance"])
    except grpc.RpcError as error:
        return {"told": f"refused: {error}"}
    finally:
        client.close()
    return {"told": "taken"}


if __name__ == "__main__":
    worker.register_workflow(attack, name="attack")
    worker.start()
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["APP_PORT"]), log_level="warning")
