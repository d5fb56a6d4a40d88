"""Starting, waking and looking up workflows from outside one; what they do is elsewhere."""

from typing import Literal

import grpc
from dapr.ext.workflow import DaprWorkflowClient

from quartet.contracts.base import Contract, Json
from quartet.resilience.failures import RetryLater

Status = Literal["absent", "live", "ended"]


class Workflows:
    """The workflow API of a service's own sidecar; safe to share between threads."""

    def __init__(self, grpc_port: int) -> None:
        """Take the gRPC port of the sidecar."""
        self._client = DaprWorkflowClient(host="127.0.0.1", port=str(grpc_port))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def schedule(self, name: str, instance: str, sent: Contract) -> None:
        """Start a workflow; an id is no idempotency key: the workflow claims its record."""
        try:
            self._client.schedule_new_workflow(
                name, input=sent.model_dump(mode="json"), instance_id=instance
            )
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
        """Return whether the instance is unknown to Dapr, live, or has ended."""
        try:
            state = self._client.get_workflow_state(instance, fetch_payloads=False)
        except grpc.RpcError as error:
            if _absent(error):
                return "absent"
            raise _away(error) from error
        if state is None:
            return "absent"
        live = ("RUNNING", "PENDING", "SUSPENDED", "STALLED")
        return "live" if state.runtime_status.name in live else "ended"


def _absent(error: grpc.RpcError) -> bool:
    says = str(error).lower()
    return "no such instance" in says or "not found" in says or "no state" in says


def _away(error: grpc.RpcError) -> RetryLater:
    code = getattr(error, "code", lambda: None)()
    return RetryLater(
        f"The workflow engine gave no answer ({code}). It may be restarting; try again.",
        cause="network",
        title="WorkflowEngineAway",
    )
