"""The refusals of the toolbox with an HTTP status of their own; when they apply is elsewhere."""

from typing import ClassVar

from quartet.resilience.failures import Abandon


class PolicyRefusal(Abandon):
    """The gate does not let this through, whatever is sent again."""

    status: ClassVar[int | None] = 403

    def __init__(self, detail: str, title: str) -> None:
        """Take the sentence for people and the kind of refusal."""
        super().__init__(detail, cause="policy", title=title)


class NotThere(Abandon):
    """There is no such value, tool or operation."""

    status: ClassVar[int | None] = 404

    def __init__(self, detail: str, title: str) -> None:
        """Take the sentence for people and the kind of thing that is not there."""
        super().__init__(detail, cause="data", title=title)


class PlanDiffers(Abandon):
    """The task has another plan already, which stays."""

    status: ClassVar[int | None] = 409


class EffectKeyReused(Abandon):
    """The effect key was used for another proposal."""

    status: ClassVar[int | None] = 422
