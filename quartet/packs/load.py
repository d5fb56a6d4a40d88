"""Loading a pack by name and refusing a bad one at start; running its tools is elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import yaml

from quartet.packs.manifest import Manifest, Skill
from quartet.packs.tool import Kind, Tool
from quartet.resilience.failures import Abandon


@dataclass(frozen=True)
class Pack:
    """A loaded pack: its manifest, its tools by name, and its folder."""

    manifest: Manifest
    tools: dict[str, Tool]
    folder: Path

    def of_kind(self, *kinds: Kind) -> dict[str, Tool]:
        """Return the tools of these kinds, by name."""
        return {name: t for name, t in self.tools.items() if t.kind in kinds}

    def skill(self, kind: str) -> Skill:
        """Return the skill of a subtask kind; raises Abandon NoSpecialistAvailable."""
        for skill in self.manifest.skills:
            if skill.kind == kind:
                return skill
        have = ", ".join(s.kind for s in self.manifest.skills)
        raise Abandon(
            f"No specialist for kind {kind!r}; pack {self.manifest.name} has {have}.",
            cause="data",
            title="NoSpecialistAvailable",
        )

    def app_of(self, kind: str) -> str:
        """Return the app-id of the specialist that runs a subtask kind."""
        self.skill(kind)
        return next(s.app_id for s in self.manifest.specialists if kind in s.skills)

    def text(self, path: str) -> str:
        """Return a text file of the pack, such as a prompt."""
        return (self.folder / path).read_text(encoding="utf-8")


@cache
def load(name: str) -> Pack:
    """Return the pack of this name; raises Abandon naming every fault of a bad or missing one."""
    folder = Path(__file__).resolve().parents[2] / "packs" / name
    manifest = read_manifest(folder)
    module = import_module(f"packs.{name}.tools")
    tools = {
        t.name: t for o in vars(module).values() if (t := getattr(o, "__quartet_tool__", None))
    }
    pack = Pack(manifest, tools, folder)
    check(pack)
    return pack


def read_manifest(folder: Path) -> Manifest:
    """Return the pack.yaml of a folder; raises Abandon for a missing or malformed one."""
    path = folder / "pack.yaml"
    try:
        return Manifest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        have = ", ".join(sorted(p.parent.name for p in folder.parent.glob("*/pack.yaml")))
        raise Abandon(
            f"There is no pack {folder.name!r}; there is {have}. Name one of these.",
            cause="data",
            title="UnknownPack",
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise Abandon(f"{path}: {error}", cause="data", title="BadPack") from error


def check(pack: Pack) -> None:
    """Raise Abandon naming everything in which manifest, tools and files do not agree."""
    if faults := list(_faults(pack)):
        says = f"Pack {pack.manifest.name}: {'; '.join(faults)}."
        raise Abandon(says, cause="data", title="BadPack")


def _faults(pack: Pack) -> Iterator[str]:
    kinds = {s.kind for s in pack.manifest.skills}
    run = [kind for s in pack.manifest.specialists for kind in s.skills]
    yield from (f"kind {k} has no specialist" for k in sorted(kinds - set(run)))
    yield from (f"kind {k} has no skill" for k in sorted(set(run) - kinds))
    yield from (f"kind {k} has two specialists" for k in sorted(kinds) if run.count(k) > 1)
    for skill in pack.manifest.skills:
        yield from _skill_faults(pack, skill)
    operations = pack.of_kind("operation")
    wanted = (*pack.manifest.at_start, *(j.operation for j in pack.manifest.jobs))
    yield from (f"there is no operation {name}" for name in wanted if name not in operations)


def _skill_faults(pack: Pack, skill: Skill) -> Iterator[str]:
    reads, writes = pack.of_kind("untrusted-read", "read"), pack.of_kind("write")
    yield from (f"{skill.kind}: no read tool {t}" for t in skill.tools if t not in reads)
    yield from (f"{skill.kind}: no write tool {t}" for t in skill.may_propose if t not in writes)
    yield from (
        f"{skill.kind}: no file {p}"
        for p in (skill.prompt, skill.review_prompt)
        if not (pack.folder / p).is_file()
    )
