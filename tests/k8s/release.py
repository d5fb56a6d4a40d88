"""One release of the chart in a namespace of its own, and what a person would do to it."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quartet.runtime.layout import repository
from tests.suite.here import eventually

CHART = repository() / "k8s"
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}


class CommandFailed(AssertionError):
    """kubectl or helm did not succeed; the text is all that it said."""


@dataclass(frozen=True)
class Release:
    """A Helm release by name, in a namespace."""

    name: str
    namespace: str

    def make_namespace(self) -> None:
        """Make the namespace, one that enforces restricted Pod Security."""
        labels = {"kubernetes.io/metadata.name": self.namespace, **RESTRICTED}
        wanted = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": self.namespace, "labels": labels},
        }
        self.apply(wanted)

    def apply(self, *wanted: Mapping[str, Any]) -> str:
        """Apply objects; raises CommandFailed when the API server refuses one."""
        everything = {"apiVersion": "v1", "kind": "List", "items": list(wanted)}
        return run("kubectl", "apply", "-f", "-", given=json.dumps(everything))

    def install(self, *arguments: str, chart: Path = CHART, within_s: int = 240) -> str:
        """Install or upgrade the release and wait until all of it is ready."""
        words = ["upgrade", "--install", self.name, str(chart), *arguments]
        return self.helm(*words, "--wait", "--timeout", f"{within_s}s")

    def helm(self, *arguments: str) -> str:
        """Run helm in the namespace."""
        return run("helm", "-n", self.namespace, *arguments)

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the namespace."""
        return run("kubectl", "-n", self.namespace, *arguments)

    def objects(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of a kind, or of several kinds with commas between them."""
        narrowed = ["-l", selector] if selector else []
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, *narrowed, "-o", "json"))
        return list(found["items"])

    def object(self, kind: str, name: str) -> dict[str, Any]:
        """Return one object."""
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def values(self, which: str) -> Path:
        """Return a file of values that comes with the chart."""
        return CHART / "ci" / f"{which}-values.yaml"

    def pods_of(self, app_id: str) -> list[str]:
        """Return the pods of an app-id that are not ending."""
        pods = self.objects("pods", f"app.kubernetes.io/component={app_id}")
        return [p["metadata"]["name"] for p in pods if not p["metadata"].get("deletionTimestamp")]

    def remove(self) -> None:
        """Uninstall the release if it is there, and delete its namespace."""
        if self.name in self.helm("list", "--short").split():  # none, too, without the namespace
            self.helm("uninstall", self.name, "--wait", "--timeout", "180s")
        run("kubectl", "delete", "namespace", self.namespace, "--ignore-not-found", "--wait")

    def names(self, kind: str, selector: str = "") -> list[str]:
        """Return the names of the objects of a kind."""
        return [str(one["metadata"]["name"]) for one in self.objects(kind, selector)]

    def address(self, service: str) -> str:
        """Return `http://IP:port` of the first port of a service."""
        (found,) = (s for s in self.objects("service") if s["metadata"]["name"] == service)
        return f"http://{found['spec']['clusterIP']}:{found['spec']['ports'][0]['port']}"

    def kill(self, pod: str) -> None:
        """End a pod at once, without any time to drain."""
        self.kubectl("delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")

    def ready(self, selector: str, count: int) -> bool:
        """Tell whether exactly so many pods that are not ending are there, all ready."""
        pods = [
            p for p in self.objects("pods", selector) if not p["metadata"].get("deletionTimestamp")
        ]
        return len(pods) == count and all(_is_ready(pod) for pod in pods)

    def await_ready(self, app_id: str, count: int, within_s: float = 120.0) -> None:
        """Wait until exactly so many pods of an app-id are there and ready."""
        selector = f"app.kubernetes.io/component={app_id}"
        eventually(lambda: self.ready(selector, count), within_s)


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def run(program: str, *arguments: str, given: str | None = None) -> str:
    """Run kubectl or helm as the cluster's administrator and return its stdout.

    Raises:
        CommandFailed: it ended with another status than 0.

    """
    done = attempt(program, arguments, given)
    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip()
        raise CommandFailed(f"{program} {' '.join(arguments[:4])}: {said}")
    return done.stdout


def attempt(
    program: str, arguments: Sequence[str], given: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run kubectl or helm, whatever comes of it."""
    return subprocess.run(
        [program, *arguments], input=given, capture_output=True, text=True, check=False, timeout=480
    )
