"""Starting the suite for the bench: as it is, or with the bare apps beside it; no measuring."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from bench.bare import CHAIN, STEPS_APP
from quartet.runtime.layout import App, DataFolder, repository
from quartet.runtime.manifests import write
from quartet.runtime.runfile import run_file
from quartet.runtime.shape import Shape, shape_of
from quartet.runtime.suite import Suite, running_suite

PACK = "payables"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Started:
    """A running suite and how long it took to be ready."""

    data: DataFolder
    shape: Shape
    suite: Suite
    ready_s: float

    def app(self, app_id: str) -> App:
        """Return an app-id with its ports."""
        return next(one for one in self.shape.apps if one.app_id == app_id)


@contextmanager
def started(
    data: DataFolder, say: Say, *, bare: bool, models: Path | None = None
) -> Iterator[Started]:
    """Run control plane and suite for the time of a ``with`` block.

    ``bare`` adds the two apps of the reference task: same sidecars, components and configuration
    as every app of the suite. ``models`` is another models.yaml.
    """
    shape = shape_of(PACK)
    if bare:
        shape = replace(shape, specialists=(*shape.specialists, CHAIN, STEPS_APP))
    path = _written(data, shape, models)
    begun = time.monotonic()
    with running_suite(data, shape, path, say) as suite:
        yield Started(data, shape, suite, time.monotonic() - begun)


def _written(data: DataFolder, shape: Shape, models: Path | None) -> Path:
    """Write run file, components and configurations of this shape into the data folder."""
    folder = data.root / "manifests"
    folder.mkdir(parents=True, exist_ok=True)
    write(shape, folder)
    command = [sys.executable, "-m", "bench.bare"]
    document = run_file(
        shape,
        str(repository()),
        commands={CHAIN: command, STEPS_APP: command},
        env={"models": {"QUARTET_MODELS": str(models)}} if models else None,
    )
    document["common"]["resourcesPaths"] = [str(folder / "components")]
    for entry in document["apps"]:
        entry["configFilePath"] = str(folder / entry["configFilePath"])
    path = folder / "dapr.yaml"
    path.write_text(yaml.safe_dump(document))
    return path
