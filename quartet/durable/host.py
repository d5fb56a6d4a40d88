"""Hosting workflows and activities in a service; none is defined here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from dapr.ext.workflow import (
    DaprWorkflowContext,
    WorkflowActivityContext,
    WorkflowRuntime,
)
from pydantic import ValidationError

from quartet.contracts.base import Contract, Json
from quartet.contracts.remote import Remote
from quartet.durable.seal import Seal
from quartet.durable.steps import Steps
from quartet.resilience.failures import Abandon, Failing, RetryLater

Sent = TypeVar("Sent", bound=Contract)
Got = TypeVar("Got", bound=Contract)
THREADS = 48


class FailureTold(Exception):
    """Carries a failure across the engine: its text is the Failure as JSON."""


class Host:
    """The workflow worker of one service."""

    def __init__(self, grpc_port: int, seal: Seal | None = None) -> None:
        """Take the gRPC port of the sidecar; with a seal, nobody else's messages are taken."""
        self._seal = seal
        self._runtime = WorkflowRuntime(
            host="127.0.0.1",
            port=str(grpc_port),
            maximum_thread_pool_workers=THREADS,
        )

    def activity(self, remote: Remote[Sent, Got], run: Callable[[Sent], Got]) -> None:
        """Register an activity under the handle's name; it takes and gives typed messages."""

        def activity(_: WorkflowActivityContext, raw: Any) -> Json:  # noqa: ANN401
            return told_of(lambda: run(remote.sent.model_validate(self._taken(remote.name, raw))))

        self._runtime.register_activity(activity, name=remote.name)

    def workflow(
        self,
        remote: Remote[Sent, Got],
        run: Callable[[DaprWorkflowContext, Sent], Steps[Got]],
    ) -> None:
        """Register a workflow under the handle's name; it takes and gives typed messages."""

        def workflow(ctx: DaprWorkflowContext, raw: Any) -> Any:  # noqa: ANN401
            ours = self._seal.sealing(ctx) if self._seal else ctx
            try:
                sent = remote.sent.model_validate(self._taken(remote.name, raw))
                result = yield from run(ours, sent)
            except Failing as error:
                raise FailureTold(error.failure.model_dump_json()) from error
            return result.model_dump(mode="json")

        self._runtime.register_workflow(workflow, name=remote.name)

    def _taken(self, name: str, raw: Any) -> Any:  # noqa: ANN401
        return self._seal.taken_off(name, raw) if self._seal else raw

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve work items from the sidecar until the block ends."""
        self._runtime.start()
        try:
            yield
        finally:
            self._runtime.shutdown()


def told_of(run: Callable[[], Contract]) -> Json:
    """Return the result as JSON, or raise the failure in the form that ``told`` reads."""
    try:
        result: Json = run().model_dump(mode="json")
    except Failing as error:
        raise FailureTold(error.failure.model_dump_json()) from error
    except ValidationError as error:
        refused = Abandon(str(error)[:1000], cause="data", title="MessageRefused")
        raise FailureTold(refused.failure.model_dump_json()) from error
    except OSError as error:
        later = RetryLater(f"{type(error).__name__}: {error}", cause="network", title="Unavailable")
        raise FailureTold(later.failure.model_dump_json()) from error
    return result
