"""A toolbox that only reserves and settles, for tests of what delivers values; it has no gate."""

from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from quartet.contracts.budget import Release, Reserve
from quartet.contracts.effect import Settlement
from quartet.resilience.failures import Abandon, Failing
from quartet.trust.digest import digest

Got = TypeVar("Got", bound=BaseModel)


@dataclass
class SettlingToolbox:
    """Satisfies Invoker: keeps what it is sent; answers a settlement with a value id made of it."""

    settled: list[Settlement] = field(default_factory=list)
    reserved: list[Reserve] = field(default_factory=list)
    released: list[Release] = field(default_factory=list)
    failure: Failing | None = None
    """Raised in place of every answer."""

    def call(  # noqa: PLR0913 - the port's
        self,
        app_id: str,
        path: str,
        sent: BaseModel | None,
        returns: type[Got],
        timeout_s: float = 30.0,
        token: str = "",
    ) -> Got:
        """Take a reservation, a release or a settlement; anything else is not served."""
        del timeout_s, token
        if self.failure is not None:
            raise self.failure
        if app_id == "toolbox" and isinstance(sent, Reserve):
            self.reserved.append(sent)
            return returns.model_validate({"reservation": f"res-{len(self.reserved):024x}"})
        if app_id == "toolbox" and isinstance(sent, Release):
            self.released.append(sent)
            return returns.model_validate({"released": True})
        if (app_id, path) != ("toolbox", "settle") or not isinstance(sent, Settlement):
            raise Abandon(f"{app_id} {path} is not served here.", cause="data")
        self.settled.append(sent)
        value = f"val-{digest(sent).removeprefix('sha256:')[:16]}"
        return returns.model_validate({"value": value})
