"""A client of a service's app that signs plans and shows tokens, as the suite would, where it may.

A plan with an empty signature is signed by the coordinator; a call that takes a transaction token
and has no ``Txn-Token`` header gets one for just what it asks for. Forgeries set their own.
"""

from typing import Any

from fastapi.testclient import TestClient

from quartet.contracts.base import Fields
from quartet.contracts.effect import Registration
from quartet.contracts.token import Transaction
from quartet.testing.signing import registered, token

HEADER = "txn-token"


class SigningClient(TestClient):
    """Signs what it sends."""

    def request(self, method: Any, url: Any, **sent: Any) -> Any:
        """Send a request."""
        parts = str(url).split("/")
        body = sent.get("json")
        if parts[1:] == ["callers", "coordinator", "plans"] and _unsigned(body):
            plan = registered(Registration.model_validate(body))
            sent["json"] = plan.model_dump(mode="json")
        headers = dict(sent.get("headers") or {})
        if HEADER not in headers and (shown := token_for(parts[2:], body)):
            sent["headers"] = headers | {HEADER: shown}
        return super().request(method, url, **sent)


def _unsigned(body: Any) -> bool:
    return isinstance(body, dict) and "plan" in body and body.get("signature", "") == ""


def token_for(parts: list[str], body: Any) -> str:
    """Return the token that fits a call to ``/callers/<caller>/<verb>...``; none where none is."""
    match parts:
        case [caller, "tools", tool] if _is_step(body):
            return token(caller, step(body, tool))
        case [_, "settle" | "reserve" as verb] if _is_step(body) and "caller" in body:
            what = body["tool" if verb == "settle" else "name"]
            return token(str(body["caller"]), step(body, str(what)))
        case [caller, "v1", "chat", "completions"] if isinstance(body, dict) and "purpose" in body:
            purpose = body["purpose"]
            return token(caller, step(purpose, str(purpose["skill"])))
        case [caller, "values", task, _]:
            return token(caller, step({"task": task, "subtask": "any", "attempt": 1}, "any"))
    return ""


def step(body: Fields, what: str) -> Transaction:
    """Return the step of a call with one skill and one tool of this name."""
    named = {name: body[name] for name in ("task", "subtask", "attempt")}
    return Transaction.model_validate(
        {**named, "skill": what, "tools": (what,), "spend_usd": "5.00"}
    )


def _is_step(body: Any) -> bool:
    return isinstance(body, dict) and {"task", "subtask", "attempt"} <= body.keys()
