"""Starting the suite for the bench: as it is, or with the bare apps beside it; no measuring."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from bench.bare import CHAIN, STEPS_APP
from quartet.packs.load import load
from quartet.policy.texts import policy_file
from quartet.runtime.layout import App, DataFolder, repository, workflow_policy
from quartet.runtime.manifests import write
from quartet.runtime.runfile import run_file
from quartet.runtime.shape import Shape, shape_of
from quartet.runtime.suite import Suite, running_suite

PACK = "payables"
Say = Callable[[str], None]
COMPOSED = {
    "toolbox": [sys.executable, "-m", "bench.passthrough"],
    "coordinator": [sys.executable, "-m", "bench.timed"],
}


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
    data: DataFolder,
    say: Say,
    *,
    bare: bool = False,
    models: Path | None = None,
    composed: bool = False,
) -> Iterator[Started]:
    """Run control plane and suite for the time of a ``with`` block.

    ``bare`` adds the two apps of the reference task: same sidecars, components and configuration
    as every app of the suite; the policies of who may have workflows run on them are for nobody,
    as the coordinator has none: they would have to allow what the bench wants. ``models`` is
    another models.yaml; ``composed`` puts the bench's own toolbox and coordinator in place of the
    real ones.
    The caps of the policy are out of reach: the bench pays one vendor all day.
    """
    shape = shape_of(PACK)
    if bare:
        shape = replace(shape, specialists=(*shape.specialists, CHAIN, STEPS_APP))
    commands = dict(COMPOSED) if composed else {}
    path = _written(data, shape, models, commands)
    begun = time.monotonic()
    with running_suite(data, shape, path, say) as suite:
        yield Started(data, shape, suite, time.monotonic() - begun)


def _written(
    data: DataFolder, shape: Shape, models: Path | None, commands: dict[str, list[str]]
) -> Path:
    """Write run file, components and configurations of this shape into the data folder."""
    folder = data.root / "manifests"
    folder.mkdir(parents=True, exist_ok=True)
    write(shape, folder)
    for app_id in (CHAIN, STEPS_APP):
        _for_nobody(folder / "components" / f"{workflow_policy(app_id)}.yaml")
    command = [sys.executable, "-m", "bench.bare"]
    env = {"toolbox": {"QUARTET_POLICY": str(_ample_policy(data))}}
    if models:
        env["models"] = {"QUARTET_MODELS": str(models)}
    document = run_file(
        shape,
        str(repository()),
        commands={CHAIN: command, STEPS_APP: command} | commands,
        env=env,
    )
    document["common"]["resourcesPaths"] = [str(folder / "components")]
    for entry in document["apps"]:
        entry["configFilePath"] = str(folder / entry["configFilePath"])
    path = folder / "dapr.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def _for_nobody(path: Path) -> None:
    """Scope a policy of who may have workflows run to an app-id that there is not."""
    if path.exists():
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        path.write_text(yaml.safe_dump({**document, "scopes": ["nobody"]}), encoding="utf-8")


def _ample_policy(data: DataFolder) -> Path:
    """Write the pack's policy with sums that no bench comes to; its limits a call stay."""
    text = policy_file(load(PACK)).read_text(encoding="utf-8")
    ample = re.sub(
        r'(context\.sums\.\w+\.lessThanOrEqual\(decimal\(")[0-9.]+', r"\g<1>900000000000.0", text
    )
    path = data.root / "bench-policy.cedar"
    path.write_text(ample, encoding="utf-8")
    path.chmod(0o644)
    return path
