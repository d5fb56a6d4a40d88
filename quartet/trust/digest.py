"""Canonical bytes (RFC 8785) and SHA-256 digests of messages; signatures are elsewhere."""

import hashlib

import rfc8785
from pydantic import BaseModel, JsonValue

from quartet.contracts.base import Digest, Name, TaskId
from quartet.contracts.work import WorkResult


def canonical(value: BaseModel | JsonValue) -> bytes:
    """Return the RFC 8785 form.

    Raises ``rfc8785.CanonicalizationError``, a ValueError, for NaN and integers over 2^53.
    """
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return rfc8785.dumps(plain)


def digest(value: BaseModel | JsonValue | bytes) -> Digest:
    """Return ``sha256:<hex>`` of the bytes, or of the canonical form."""
    data = value if isinstance(value, bytes) else canonical(value)
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def task_id(source: str, event_id: str) -> TaskId:
    """Return the id of the task that the event with this source and id submits."""
    joined = source.encode() + b"\0" + event_id.encode()
    return f"t-{hashlib.sha256(joined).hexdigest()[:24]}"


def proposal_digest(
    plan: Digest, task: TaskId, subtask: Name, attempt: int, result: WorkResult
) -> Digest:
    """Return the digest that a verdict names: of the result, bound to plan, task and attempt."""
    bound: JsonValue = {
        "plan": plan,
        "task": task,
        "subtask": subtask,
        "attempt": attempt,
        "result": result.model_dump(mode="json"),
    }
    return digest(bound)
