"""A service that does nothing of its own: health, echo of calls and events; run by test suites."""

import os

import uvicorn
from fastapi import FastAPI, Request

app = FastAPI()
seen: list[dict[str, object]] = []


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer as every service does."""
    return {"status": "ok", "app_id": os.environ["APP_ID"]}


@app.get("/dapr/subscribe")
def subscriptions() -> list[dict[str, object]]:
    """Subscribe the coordinator to what clients submit, as it comes."""
    wanted: dict[str, object] = {
        "pubsubname": "pubsub",
        "topic": "task-submitted",
        "route": "/events/task-submitted",
        "metadata": {"rawPayload": "true"},
    }
    return [wanted] if os.environ["APP_ID"] == "coordinator" else []


@app.get("/seen")
def told() -> list[dict[str, object]]:
    """Return the events that came, oldest first."""
    return seen


@app.post("/events/{topic}")
async def event(topic: str, request: Request) -> dict[str, str]:
    """Take an event as it comes."""
    seen.append({"topic": topic, "body": (await request.body()).decode()})
    return {"status": "SUCCESS"}


@app.api_route("/callers/{rest:path}", methods=["GET", "POST"])
def called(rest: str, request: Request) -> dict[str, str]:
    """Say who was called, on which path, and with which token."""
    token = request.headers.get("dapr-api-token", "")
    right = token == os.environ["APP_API_TOKEN"]
    return {"app_id": os.environ["APP_ID"], "path": rest, "token": "right" if right else "wrong"}


if __name__ == "__main__":
    host = os.environ.get("PLAIN_APP_HOST", "127.0.0.1")
    uvicorn.run(app, host=host, port=int(os.environ["APP_PORT"]), log_level="warning")
