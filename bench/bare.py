"""The reference: an app with eight activities in a chain and nothing else, straight on Dapr.

`python -m bench.bare` runs as app-id bare-chain (the workflows) or bare-steps (activities only).
No code of the suite is in it.
"""

import os
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from dapr.ext.workflow import DaprWorkflowContext, WorkflowActivityContext, WorkflowRuntime
from fastapi import FastAPI

STEPS = 8
CHAIN, STEPS_APP = "bare-chain", "bare-steps"
IN_ONE_APP, ACROSS_APPS = "chain_in_one_app", "chain_across_apps"


def step(_: WorkflowActivityContext, text: str) -> str:
    """Answer at once."""
    return text


def chain_in_one_app(ctx: DaprWorkflowContext, text: str) -> Generator[Any, Any, str]:
    """Run eight activities one after another in this app."""
    for _ in range(STEPS):
        text = yield ctx.call_activity(step, input=text)
    return text


def chain_across_apps(ctx: DaprWorkflowContext, text: str) -> Generator[Any, Any, str]:
    """Run eight activities one after another in another app."""
    for _ in range(STEPS):
        text = yield ctx.call_activity("step", input=text, app_id=STEPS_APP)
    return text


def build(runtime: WorkflowRuntime) -> FastAPI:
    """Return the app: health, and a worker while it serves."""
    runtime.register_activity(step, name="step")
    runtime.register_workflow(chain_in_one_app, name=IN_ONE_APP)
    runtime.register_workflow(chain_across_apps, name=ACROSS_APPS)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        runtime.start()
        yield
        runtime.shutdown()

    app = FastAPI(lifespan=lifespan)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app


if __name__ == "__main__":
    worker = WorkflowRuntime(host="127.0.0.1", port=os.environ["DAPR_GRPC_PORT"])
    uvicorn.run(
        build(worker), host="127.0.0.1", port=int(os.environ["APP_PORT"]), log_level="warning"
    )
