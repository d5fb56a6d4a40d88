"""Which app-ids a suite has, read from its pack; not what runs behind them."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from quartet.packs.canary import SUFFIX, named, with_canaries
from quartet.packs.manifest import Manifest
from quartet.resilience.failures import Abandon
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import App, DataFolder, app_table, repository

DEFAULT_PACK = "payables"


@dataclass(frozen=True)
class Shape:
    """The app-ids of one suite: those of every suite, and the pack's specialists."""

    pack: str
    specialists: tuple[str, ...]
    readers: tuple[str, ...]
    provider_keys: tuple[str, ...] = ()
    """The secrets that models.yaml names."""
    canaries: tuple[str, ...] = ()
    """The specialists that have a canary; its app-id is among ``specialists`` too."""

    @property
    def apps(self) -> tuple[App, ...]:
        """Every app-id with its ports."""
        return app_table(self.specialists)

    @property
    def workflow_apps(self) -> tuple[str, ...]:
        """The app-ids that run workflows or activities."""
        return ("coordinator", "planner", "critic", *self.specialists)


def shape_of(pack: str | None = None, canaries: tuple[str, ...] | None = None) -> Shape:
    """Return the shape of a pack's suite (default: `QUARTET_PACK`, else payables).

    Args:
        pack: whose suite.
        canaries: the specialists that have a canary (default: `QUARTET_CANARIES`, else none).

    Raises:
        SetupError: there is no such pack, or no such specialist.

    """
    name = pack or os.environ.get("QUARTET_PACK") or DEFAULT_PACK
    path = repository() / "packs" / name / "pack.yaml"
    if not path.is_file():
        have = ", ".join(sorted(p.parent.name for p in path.parents[1].glob("*/pack.yaml")))
        raise SetupError(f"There is no pack {name!r}; these are here: {have or 'none'}.")
    manifest = Manifest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    declared = named(os.environ.get("QUARTET_CANARIES", "")) if canaries is None else canaries
    try:
        manifest = with_canaries(manifest, declared)
    except Abandon as error:
        raise SetupError(error.failure.detail) from error
    return Shape(
        pack=name,
        specialists=tuple(s.app_id for s in manifest.specialists),
        readers=tuple(s.app_id for s in manifest.specialists if s.reads_documents),
        provider_keys=_provider_keys(),
        canaries=tuple(s.canary_of for s in manifest.specialists if s.canary_of),
    )


def running_canaries(data: DataFolder) -> tuple[str, ...]:
    """Return the specialists that have a canary in the suite last started on a data folder."""
    if not data.app_ids.exists():
        return ()
    started: list[str] = json.loads(data.app_ids.read_text())
    return tuple(one.removesuffix(SUFFIX) for one in started if one.endswith(SUFFIX))


def _provider_keys() -> tuple[str, ...]:
    path = Path(os.environ.get("QUARTET_MODELS") or repository() / "models.yaml")
    providers = yaml.safe_load(path.read_text(encoding="utf-8")).get("providers", {})
    return tuple(sorted({one["secret"] for one in providers.values() if one.get("secret")}))
