"""Loading a pack by name and refusing a bad one at start; running its tools is elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path

import yaml

from quartet.packs.canary import SUFFIX, with_canaries
from quartet.packs.manifest import Manifest, Skill
from quartet.packs.tool import Kind, Tool
from quartet.resilience.failures import Abandon


@dataclass(frozen=True)
class Pack:
    """A loaded pack: its manifest, its tools by name, and its folder."""

    manifest: Manifest
    tools: dict[str, Tool]
    folder: Path
    prompts: Path | None = None
    """A folder whose files stand in for those of the same name in the pack."""

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
        """Return the app-id of the specialist that runs a subtask kind; never a canary's."""
        return self.runners(kind)[0]

    def runners(self, kind: str) -> tuple[str, ...]:
        """Return the app-ids that may run a subtask kind: its specialist, and that one's canary."""
        self.skill(kind)
        return tuple(s.app_id for s in self.manifest.specialists if kind in s.skills)

    def canary_for(self, kind: str) -> str | None:
        """Return the app-id of the canary that may run a subtask kind, if one is declared."""
        own = (s for s in self.manifest.specialists if kind in s.skills)
        return next((s.app_id for s in own if s.canary_of), None)

    def text(self, path: str) -> str:
        """Return a text file of the pack, such as a prompt."""
        own = self.prompts / Path(path).name if self.prompts else None
        found = own if own and own.is_file() else self.folder / path
        return found.read_text(encoding="utf-8")


@cache
def load(name: str, canaries: tuple[str, ...] = (), prompts: Path | None = None) -> Pack:
    """Return the pack of this name; raises Abandon naming every fault of a bad or missing one.

    ``canaries`` are the specialists that have one; ``prompts`` a folder of other prompts.
    """
    folder = Path(__file__).resolve().parents[2] / "packs" / name
    manifest = read_manifest(folder)
    module = import_module(f"packs.{name}.tools")
    tools = {
        t.name: t for o in vars(module).values() if (t := getattr(o, "__quartet_tool__", None))
    }
    pack = Pack(manifest, tools, folder, prompts)
    check(pack)
    return replace(pack, manifest=with_canaries(manifest, canaries))


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
    yield from (
        f"{s.app_id} is a canary, which is declared in QUARTET_CANARIES alone"
        for s in pack.manifest.specialists
        if s.canary_of or s.app_id.endswith(SUFFIX)
    )
    yield from _prompt_faults(pack)
    for skill in pack.manifest.skills:
        yield from _skill_faults(pack, skill)
    operations = pack.of_kind("operation")
    wanted = (*pack.manifest.at_start, *(j.operation for j in pack.manifest.jobs))
    yield from (f"there is no operation {name}" for name in wanted if name not in operations)


def _prompt_faults(pack: Pack) -> Iterator[str]:
    if pack.prompts is None:
        return
    known = {Path(skill.prompt).name for skill in pack.manifest.skills}
    found = {path.name for path in pack.prompts.glob("*.md")}
    yield from (f"{pack.prompts}/{name} is no skill's prompt" for name in sorted(found - known))
    if not found:
        yield f"there is no prompt in {pack.prompts}"


def _skill_faults(pack: Pack, skill: Skill) -> Iterator[str]:
    reads, writes = pack.of_kind("untrusted-read", "read"), pack.of_kind("write")
    yield from (f"{skill.kind}: no read tool {t}" for t in skill.tools if t not in reads)
    yield from (f"{skill.kind}: no write tool {t}" for t in skill.may_propose if t not in writes)
    yield from (
        f"{skill.kind}: no file {p}"
        for p in (skill.prompt, skill.review_prompt)
        if not (pack.folder / p).is_file()
    )
