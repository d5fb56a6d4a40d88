"""CPU time and memory of each container of a namespace, as the kubelets tell."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quartet.runtime.errors import SetupError
from quartet.runtime.kube.fetching import kubectl

FRESH_WITHIN_S = 60.0
_MIB = 1024 * 1024
Key = tuple[str, str]
"""Pod and container."""


@dataclass(frozen=True)
class Sample:
    """What a container has used: CPU seconds since its start, as of a moment, and memory now."""

    at: float
    cpu_s: float
    memory_mib: float


def samples(namespace: str, after: float = 0.0) -> dict[Key, Sample]:
    """Return a sample of each running container, all taken after a moment (seconds since 1970).

    A kubelet looks at its containers every few seconds: this waits until it has.
    """
    deadline = time.monotonic() + FRESH_WITHIN_S
    while True:
        found = dict(one for node in _nodes() for one in _of_node(node, namespace))
        if found and all(sample.at >= after for sample in found.values()):
            return found
        if time.monotonic() > deadline:
            raise SetupError(f"The kubelets had no new figures within {FRESH_WITHIN_S:g} s.")
        time.sleep(0.5)


def components(namespace: str) -> dict[str, str]:
    """Return what each pod is: its component's label, or its app's, or its own name."""
    pods = json.loads(kubectl("-n", namespace, "get", "pods", "-o", "json"))["items"]
    return {str(p["metadata"]["name"]): _component(p["metadata"]) for p in pods}


def _component(metadata: Mapping[str, Any]) -> str:
    labels = metadata.get("labels", {})
    own = labels.get("app.kubernetes.io/component"), labels.get("app"), metadata["name"]
    return str(next(name for name in own if name))


def _nodes() -> list[str]:
    return kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split()


def _of_node(node: str, namespace: str) -> list[tuple[Key, Sample]]:
    summary = json.loads(kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"))
    return [
        ((str(pod["podRef"]["name"]), str(one["name"])), _sample(one))
        for pod in summary["pods"]
        if pod["podRef"]["namespace"] == namespace
        for one in pod.get("containers", ())
        if "usageCoreNanoSeconds" in one.get("cpu", {})
    ]


def _sample(container: Mapping[str, Any]) -> Sample:
    cpu, memory = container["cpu"], container.get("memory", {})
    return Sample(
        at=datetime.fromisoformat(cpu["time"]).timestamp(),
        cpu_s=cpu["usageCoreNanoSeconds"] / 1e9,
        memory_mib=memory.get("workingSetBytes", 0) / _MIB,
    )


def grown(
    before: Mapping[Key, Sample], after: Mapping[Key, Sample]
) -> dict[Key, tuple[float, float]]:
    """Return the seconds between two samples of each container, and the CPU seconds used in them.

    Raises SetupError when a container was there only once: it was started anew meanwhile.
    """
    if before.keys() != after.keys():
        raise SetupError("A pod came or went while it was measured. Measure again.")
    return {
        key: (after[key].at - one.at, after[key].cpu_s - one.cpu_s) for key, one in before.items()
    }
