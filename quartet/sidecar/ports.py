"""The ports to a sidecar as Protocols; doubles in quartet.testing satisfy them too."""

from typing import Literal, Protocol, TypeVar

from pydantic import BaseModel

from quartet.contracts.base import Contract, Json

Got = TypeVar("Got", bound=BaseModel)
Method = Literal["GET", "POST"]


class Invoker(Protocol):
    """Calls a verb of another app through both sidecars."""

    def call(  # noqa: PLR0913 - what a call takes, in every double too
        self,
        app_id: str,
        path: str,
        sent: BaseModel | None,
        returns: type[Got],
        timeout_s: float = 30.0,
        token: str = "",
    ) -> Got:
        """POST ``sent`` (GET when None) to ``/callers/<own app-id>/<path>`` of ``app_id``.

        ``token`` is the transaction token of the live step on whose behalf it is called.
        Raises Failing: what the callee's problem document says, or RetryLater (network).
        """


class Publisher(Protocol):
    """Publishes facts."""

    def publish(self, topic: str, event_id: str, data: Contract) -> None:
        """Publish one CloudEvent on a topic; raises RetryLater when the broker is not there."""


class StateStore(Protocol):
    """Keyed JSON in one Dapr state store."""

    def get(self, key: str) -> Json:
        """Return the value, or None."""

    def put(self, key: str, value: Json) -> None:
        """Write the value, whatever was there."""

    def put_first(self, key: str, value: Json) -> Json:
        """Write the value unless there is one; return the one that is there now."""
