"""Which app-ids a suite has, read from its pack; not what runs behind them."""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from quartet.packs.manifest import Manifest
from quartet.runtime.errors import SetupError
from quartet.runtime.layout import App, app_table, repository

DEFAULT_PACK = "payables"


@dataclass(frozen=True)
class Shape:
    """The app-ids of one suite: those of every suite, and the pack's specialists."""

    pack: str
    specialists: tuple[str, ...]
    readers: tuple[str, ...]
    provider_keys: tuple[str, ...] = ()
    """The secrets that models.yaml names."""

    @property
    def apps(self) -> tuple[App, ...]:
        """Every app-id with its ports."""
        return app_table(self.specialists)

    @property
    def workflow_apps(self) -> tuple[str, ...]:
        """The app-ids that run workflows or activities."""
        return ("coordinator", "planner", "critic", *self.specialists)


def shape_of(pack: str | None = None) -> Shape:
    """Return the shape of a pack's suite (default: `QUARTET_PACK`, else payables).

    Raises:
        SetupError: there is no such pack.

    """
    name = pack or os.environ.get("QUARTET_PACK") or DEFAULT_PACK
    path = repository() / "packs" / name / "pack.yaml"
    if not path.is_file():
        have = ", ".join(sorted(p.parent.name for p in path.parents[1].glob("*/pack.yaml")))
        raise SetupError(f"There is no pack {name!r}; these are here: {have or 'none'}.")
    manifest = Manifest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    return Shape(
        pack=name,
        specialists=tuple(s.app_id for s in manifest.specialists),
        readers=tuple(s.app_id for s in manifest.specialists if s.reads_documents),
        provider_keys=_provider_keys(),
    )


def _provider_keys() -> tuple[str, ...]:
    path = Path(os.environ.get("QUARTET_MODELS") or repository() / "models.yaml")
    providers = yaml.safe_load(path.read_text(encoding="utf-8")).get("providers", {})
    return tuple(sorted({one["secret"] for one in providers.values() if one.get("secret")}))
