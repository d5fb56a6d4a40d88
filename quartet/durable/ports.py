"""The port to the workflow engine as a Protocol; client has the real one, testing a double."""

from typing import Protocol

from quartet.contracts.base import Contract, Json
from quartet.durable.client import Seen, Status


class Engine(Protocol):
    """Starts, wakes, ends and looks up workflows; every method may raise RetryLater."""

    def schedule(self, name: str, instance: str, sent: Contract) -> None:
        """Start a workflow."""

    def wake(self, instance: str, event: str, data: Json = None) -> bool:
        """Raise an external event; return False when there is no such instance."""

    def terminate(self, instance: str) -> None:
        """End an instance and its children; one that is gone is no error."""

    def status(self, instance: str) -> Status:
        """Return whether the instance is unknown to Dapr, live, or has ended."""

    def seen(self, instance: str) -> Seen:
        """Return the same with the time (UTC) at which its history last grew."""
