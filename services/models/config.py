"""models.yaml: which provider and model answer which skill, and at what price; no secret is in it.

The first route whose patterns fit the skill (``planner.*``, ``specialist.read-invoice``, ``*``)
and the app-id that asks is taken; so a canary may have a model of its own.
"""

from collections.abc import Iterator
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AnyHttpUrl, Field, ValidationError

from quartet.contracts.base import Contract, Name
from quartet.resilience.failures import Abandon
from services.models.provider import Route

Price = Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$")]


class OpenAI(Contract):
    """Any OpenAI-compatible endpoint; ``secret`` names its key in the secret store."""

    kind: Literal["openai"]
    base_url: AnyHttpUrl
    secret: str | None = None
    max_answer_bytes: int = Field(default=1_000_000, ge=1000)
    connect_timeout_s: float = Field(default=5.0, gt=0)
    read_timeout_s: float = Field(default=30.0, gt=0)


class Playbook(Contract):
    """The offline rules of the pack."""

    kind: Literal["playbook"]


class Replay(Contract):
    """Another provider, recorded into ``path`` or answered from it."""

    kind: Literal["replay"]
    of: Name
    mode: Literal["record", "replay"] = "replay"
    path: Path
    """Relative paths start at the folder of models.yaml."""


class Obey(Contract):
    """For tests only: does what any text it reads tells it; otherwise as the provider ``of``."""

    kind: Literal["obey"]
    of: Name


AnyProvider = Annotated[OpenAI | Playbook | Replay | Obey, Field(discriminator="kind")]


class RouteEntry(Contract):
    """One route; prices are US dollars per million tokens, as decimal strings."""

    skills: str
    agents: str = "*"
    """Pattern of the app-ids that ask: ``specialist-finance-canary``, ``*-canary``."""
    provider: Name
    model: Annotated[str, Field(min_length=1)]
    usd_per_million_input: Price = "0"
    usd_per_million_output: Price = "0"
    timeout_s: float = Field(default=60.0, gt=0, le=120)
    seed: int | None = None

    def route(self) -> Route:
        """Return the route as providers see it."""
        return Route(
            provider=self.provider,
            model=self.model,
            usd_per_million_input=Decimal(self.usd_per_million_input),
            usd_per_million_output=Decimal(self.usd_per_million_output),
            timeout_s=self.timeout_s,
            seed=self.seed,
        )


class ModelsFile(Contract):
    """models.yaml, whole."""

    providers: Annotated[dict[Name, AnyProvider], Field(min_length=1)]
    routes: Annotated[tuple[RouteEntry, ...], Field(min_length=1)]

    def route(self, skill: str, agent: str = "") -> Route:
        """Return the first route that fits a skill and who asks; raises Abandon when none does."""
        for entry in self.routes:
            if fnmatchcase(skill, entry.skills) and fnmatchcase(agent, entry.agents):
                return entry.route()
        raise Abandon(
            f"No route in models.yaml fits {skill!r} of {agent or 'anybody'}. Add one, or a last "
            "one with skills '*'.",
            cause="model",
            title="NoModelRoute",
        )

    def problems(self) -> Iterator[str]:
        """Yield each name that leads nowhere."""
        for entry in self.routes:
            if entry.provider not in self.providers:
                yield f"route {entry.skills!r} names unknown provider {entry.provider!r}"
        for name, provider in self.providers.items():
            if isinstance(provider, Replay | Obey):
                yield from self._wrap_problems(name, provider.of)

    def _wrap_problems(self, name: str, of: str) -> Iterator[str]:
        inner = self.providers.get(of)
        if inner is None:
            yield f"provider {name!r} wraps unknown provider {of!r}"
        elif isinstance(inner, Replay | Obey):
            yield f"provider {name!r} wraps {of!r}, which itself wraps another"


def read(path: Path) -> ModelsFile:
    """Return the file; raises Abandon with one line that names file, place and fault."""
    try:
        found = ModelsFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise _bad(path, f"cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise _bad(path, f"is no YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise _bad(path, "; ".join(faults)) from error
    if lost := list(found.problems()):
        raise _bad(path, "; ".join(lost))
    return found


def _bad(path: Path, says: str) -> Abandon:
    return Abandon(
        f"{path}: {says}. Correct it, or name another file in QUARTET_MODELS.",
        cause="data",
        title="BadModelsFile",
    )
