"""Starting, waking and looking up workflows from outside one; what they do is elsewhere."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import grpc
from dapr.ext.workflow import DaprWorkflowClient

from quartet.contracts.base import Contract, Json
from quartet.durable.seal import Seal
from quartet.resilience.failures import RetryLater

Status = Literal["absent", "live", "ended", "broken"]
STUCK = timedelta(minutes=6)
"""Where nothing is seen to move for so long a step was lost; nobody can be asked about a step.

A completion is given two minutes at most, and a step that waits for money, a paused agent or a
provider's Retry-After looks again every five, which moves its workflow. A slower step (a dozen slow
tool calls in one turn) is done twice: that costs, and changes nothing."""
NOT_BEGUN = 4
"""So many times longer until what never began is taken for lost: many may wait their turn."""
LOOKS, PAUSE_S = 5, 0.2
"""A running instance may be read between two of its writes; what stays incomplete is broken."""


@dataclass(frozen=True)
class Seen:
    """What Dapr says about one instance, and when its history last grew (None: it has none yet)."""

    status: Status
    moved: datetime | None = None


class Workflows:
    """The workflow API of a service's own sidecar; safe to share between threads."""

    def __init__(self, grpc_port: int, seal: Seal | None = None) -> None:
        """Take the gRPC port of the sidecar, and the seal of a service that has one."""
        self._seal = seal
        self._client = DaprWorkflowClient(host="127.0.0.1", port=str(grpc_port))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def schedule(self, name: str, instance: str, sent: Contract) -> None:
        """Start a workflow; an id is no idempotency key: the workflow claims its record."""
        message: Json = sent.model_dump(mode="json")
        if self._seal:
            message = self._seal.put_on(name, message)
        try:
            self._client.schedule_new_workflow(name, input=message, instance_id=instance)
        except grpc.RpcError as error:
            raise _away(error) from error

    def wake(self, instance: str, event: str, data: Json = None) -> bool:
        """Raise an external event; return False when there is no such instance."""
        try:
            self._client.raise_workflow_event(instance, event, data=data)
        except grpc.RpcError as error:
            if _absent(error):
                return False
            raise _away(error) from error
        return True

    def terminate(self, instance: str) -> None:
        """End an instance and its children; one that is gone is no error."""
        try:
            self._client.terminate_workflow(instance)
        except grpc.RpcError as error:
            if not _absent(error):
                raise _away(error) from error

    def status(self, instance: str) -> Status:
        """Return whether the instance is absent, live, ended or broken, as ``seen`` does."""
        return self.seen(instance).status

    def seen(self, instance: str) -> Seen:
        """Return whether the instance is unknown to Dapr, live, has ended, or lost its history.

        A broken one has parts of its state only, after its store was emptied or put back, or a
        history that somebody changed; it can neither go on nor be started again under its id.
        """
        for look in range(LOOKS):
            time.sleep(PAUSE_S if look else 0)
            try:
                state = self._client.get_workflow_state(instance, fetch_payloads=False)
            except grpc.RpcError as error:
                if _absent(error):
                    return Seen("absent")
                if _falsified(error):
                    return Seen("broken")
                if incomplete(error):
                    continue
                raise _away(error) from error
            if state is None:
                return Seen("absent")
            live = ("RUNNING", "PENDING", "SUSPENDED", "STALLED")
            status: Status = "live" if state.runtime_status.name in live else "ended"
            # Of one that is scheduled and has not begun, Dapr says that it moved in the year 1.
            begun = state.last_updated_at.year > 1
            return Seen(status, state.last_updated_at.replace(tzinfo=UTC) if begun else None)
        return Seen("broken")


def _absent(error: grpc.RpcError) -> bool:
    says = str(error).lower()
    return "no such instance" in says or "not found" in says or "no state" in says


def _falsified(error: grpc.RpcError) -> bool:
    """Return whether the history was changed in its store, as its signatures tell."""
    says = str(error).lower()
    return "signature verification failed" in says or "history_tampered" in says


def incomplete(error: grpc.RpcError) -> bool:
    """Return whether parts of an instance were missing: between two of its writes, or for good."""
    return "missing from state store" in str(error).lower()


def _away(error: grpc.RpcError) -> RetryLater:
    code = getattr(error, "code", lambda: None)()
    says = str(getattr(error, "details", lambda: "")())[:300]
    return RetryLater(
        f"The workflow engine gave no answer ({code}: {says}). It may be restarting; try again.",
        cause="network",
        title="WorkflowEngineAway",
    )
