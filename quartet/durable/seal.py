"""Seals by which a service takes its own workflow messages only, where no policy of Dapr can help.

Whoever may run workflows at all can have one run on another app-id, with an input of his own. The
coordinator cannot have a WorkflowAccessPolicy (docs/decisions/0011), so what its workflows and
activities are given carries a code that only itself can make.
"""

import hashlib
import hmac
from typing import Any, cast

from dapr.ext.workflow import DaprWorkflowContext

from quartet.contracts.base import Json
from quartet.resilience.failures import Abandon
from quartet.trust.digest import canonical


class NotSealed(Abandon):
    """A message that this service has not made itself; its sender gets nothing done."""

    status = 403


class Seal:
    """Seals messages under a secret that one service and nobody else knows."""

    def __init__(self, secret: str) -> None:
        """Take the secret; raises ValueError when there is none."""
        if not secret:
            raise ValueError("a seal needs a secret")
        self._key = hashlib.sha256(b"workflow seal\0" + secret.encode()).digest()

    def put_on(self, name: str, sent: Json) -> Json:
        """Return the message for the workflow or activity ``name`` with its seal."""
        return {"seal": self._code(name, sent), "sent": sent}

    def taken_off(self, name: str, raw: Json) -> Json:
        """Return the message; raises NotSealed when it is not ours, or was for another name."""
        seal = raw.get("seal") if isinstance(raw, dict) else None
        sent = raw.get("sent") if isinstance(raw, dict) else None
        if not isinstance(seal, str) or not hmac.compare_digest(
            seal.encode(), self._code(name, sent).encode()
        ):
            says = f"{name} takes messages of its own service only."
            raise NotSealed(says, cause="policy", title="NotSealed")
        return sent

    def _code(self, name: str, sent: Json) -> str:
        message = name.encode() + b"\0" + canonical(sent)
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def sealing(self, ctx: DaprWorkflowContext) -> DaprWorkflowContext:
        """Return the context, sealing what the workflow sends to its own service."""
        return cast(DaprWorkflowContext, _Sealing(ctx, self))


class _Sealing:
    def __init__(self, ctx: DaprWorkflowContext, seal: Seal) -> None:
        self._ctx, self._seal = ctx, seal

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the context has
        return getattr(self._ctx, name)

    def call_activity(self, name: str, *, input: Json, app_id: str | None = None) -> Any:  # noqa: ANN401
        """Call an activity, sealed when it is our own."""
        sent = input if app_id else self._seal.put_on(name, input)
        return self._ctx.call_activity(name, input=sent, app_id=app_id)

    def call_child_workflow(
        self,
        name: str,
        *,
        input: Json,
        instance_id: str,
        app_id: str | None = None,
    ) -> Any:  # noqa: ANN401
        """Start a child, sealed when it is our own."""
        sent = input if app_id else self._seal.put_on(name, input)
        return self._ctx.call_child_workflow(
            name, input=sent, instance_id=instance_id, app_id=app_id
        )
