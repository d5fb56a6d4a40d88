"""Debian's buildah with a store of its own, in which no registry is ever asked."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from quartet.cluster.requirements import PATH, program
from quartet.runtime.errors import SetupError

_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}\n'
_STORAGE = '[storage]\ndriver = "overlay"\nrunroot = "{root}/run"\ngraphroot = "{root}/graph"\n'


@dataclass(frozen=True)
class Recipe:
    """What one build takes besides its Dockerfile."""

    context: Path
    dockerfile: Path
    name: str
    epoch: int = 0
    """Seconds since 1970 that every file and the image are dated to."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[Path, str] = field(default_factory=dict)
    """Folders and files that the build may read, and where it sees them."""


@dataclass(frozen=True)
class Buildah:
    """buildah on the store in `root`."""

    root: Path

    def take_in(self, archive: Path) -> None:
        """Put a docker-archive into the store under the name that it bears."""
        self._run("pull", "--quiet", f"docker-archive:{archive}")

    def has(self, name: str) -> bool:
        """Tell whether the store has an image of this name."""
        done = self._call("inspect", "--type", "image", name)
        return done.returncode == 0

    def build(self, recipe: Recipe, target: Path) -> None:
        """Build an image and write it as a docker-archive.

        Raises:
            SetupError: a step failed; the text is its last line.

        """
        arguments = [f"--build-arg={name}={value}" for name, value in recipe.arguments.items()]
        mounts = [f"--volume={path}:{inside}:ro" for path, inside in recipe.mounts.items()]
        self._run(
            "bud",
            "--isolation=chroot",
            "--pull-never",
            "--layers",
            f"--timestamp={recipe.epoch}",
            *arguments,
            *mounts,
            f"--file={recipe.dockerfile}",
            f"--tag={recipe.name}",
            str(recipe.context),
        )
        partial = target.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        self._run("push", "--quiet", recipe.name, f"docker-archive:{partial}:{recipe.name}")
        partial.replace(target)

    def _run(self, *arguments: str) -> None:
        done = self._call(*arguments)
        if done.returncode != 0:
            log = self.root / "last.log"
            log.write_text(done.stdout + done.stderr)
            last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            raise SetupError(f"buildah {arguments[0]} failed: {last} (all of it: {log})")

    def _call(self, verb: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        self.root.mkdir(parents=True, exist_ok=True)
        storage, policy = self.root / "storage.conf", self.root / "policy.json"
        storage.write_text(_STORAGE.format(root=self.root))
        policy.write_text(_POLICY)
        signatures = [f"--signature-policy={policy}"] if verb in ("pull", "bud", "push") else []
        return subprocess.run(
            [str(program("buildah")), verb, *signatures, *arguments],
            env={**os.environ, "PATH": PATH, "CONTAINERS_STORAGE_CONF": str(storage)},
            capture_output=True,
            text=True,
            check=False,
        )
