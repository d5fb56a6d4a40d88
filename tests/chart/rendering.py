"""The chart as helm renders it, seen by kind and name; nothing here reaches a cluster."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from quartet.runtime.layout import repository

Document = dict[str, Any]
CHART = repository() / "k8s"
DAPR = ("dapr.io/v1alpha1/Component", "dapr.io/v1alpha1/WorkflowAccessPolicy")
"""Of what a cluster with Dapr offers, what the chart asks for."""
MORE = ("monitoring.coreos.com/v1", "keda.sh/v1alpha1", "gateway.networking.k8s.io/v1")
"""What operators beside Dapr offer."""
SCENARIOS = sorted(path.stem.removesuffix("-values") for path in CHART.glob("ci/*-values.yaml"))


def values_file(scenario: str) -> Path:
    """Return the values of a scenario that comes with the chart."""
    return CHART / "ci" / f"{scenario}-values.yaml"


@dataclass(frozen=True)
class Rendered:
    """All that a release would consist of."""

    documents: tuple[Document, ...]

    def of(self, kind: str) -> dict[str, Document]:
        """Return the objects of a kind by name."""
        return {one["metadata"]["name"]: one for one in self.documents if one["kind"] == kind}

    def one(self, kind: str, name: str) -> Document:
        """Return one object."""
        return self.of(kind)[name]

    def pods(self) -> dict[str, Document]:
        """Return every pod's metadata and spec, by kind and name of what makes it."""
        found = {}
        for one in self.documents:
            spec = one.get("spec", {})
            if one["kind"] == "CronJob":
                spec = spec["jobTemplate"]["spec"]
            pod = one if one["kind"] == "Pod" else spec.get("template")
            if pod is not None and "containers" in pod.get("spec", {}):
                found[f"{one['kind']}/{one['metadata']['name']}"] = pod
        return found


@dataclass(frozen=True)
class Helm:
    """helm with a home of its own, so that no plugin or repository of a user plays a part."""

    program: Path
    home: Path
    _seen: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)

    def template(self, *arguments: str, apis: Sequence[str] = (*DAPR, *MORE)) -> Rendered:
        """Render a release `q` in namespace `suite`; raises AssertionError with what helm says."""
        text = self._rendered(*_release(apis), *arguments)
        return Rendered(tuple(one for one in yaml.load_all(text, yaml.CSafeLoader) if one))

    def text(self, *arguments: str) -> str:
        """Return what `template` prints."""
        return self._rendered(*_release((*DAPR, *MORE)), *arguments)

    def refusal(self, *arguments: str, apis: Sequence[str] = (*DAPR, *MORE)) -> str:
        """Return why a release is not rendered; raises AssertionError if it is."""
        done = self.run("template", *_release(apis), *arguments)
        assert done.returncode != 0, "it was rendered"
        assert done.stdout == "", "a part of it was rendered"
        return done.stderr

    def _rendered(self, *arguments: str) -> str:
        """Render, or take what was rendered from the same arguments before."""
        if arguments not in self._seen:
            done = self.run("template", *arguments)
            assert done.returncode == 0, done.stderr
            self._seen[arguments] = done.stdout
        return self._seen[arguments]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run helm, whatever comes of it."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "KUBECONFIG": str(self.home / "no-cluster"),
        }
        return subprocess.run(
            [self.program, *arguments],
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def with_values(values: Document) -> tuple[str, str]:
    """Return the arguments that set these values, types kept."""
    (key,) = values
    return ("--set-json", f"{key}={json.dumps(values[key])}")


def _release(apis: Sequence[str]) -> list[str]:
    offered = [f"--api-versions={one}" for one in apis]
    return ["q", str(CHART), "--namespace", "suite", *offered]
