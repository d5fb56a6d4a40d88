"""What a bare node lacks to be a cluster: name service, volumes, and the Dapr control plane."""

from typing import Any

import yaml

from quartet.cluster.commands import Commands
from quartet.cluster.places import NODE, Places
from quartet.runtime.build import RUNTIME
from quartet.runtime.gobuild import module_folder
from quartet.runtime.layout import DAPR_VERSION, repository

DAPR_NAMESPACE = "dapr-system"
STORAGE_CLASS = "local"
_MANIFESTS = repository() / "runtime" / "kube" / "manifests"
_VOLUMES = 16
_DAPR_VALUES = {
    "global.tag": DAPR_VERSION,
    "global.imagePullPolicy": "IfNotPresent",
    # Pods of a namespace that enforces restricted Pod Security are refused otherwise.
    "dapr_sidecar_injector.sidecarDropALLCapabilities": "true",
    # A pod that comes up without its sidecar would crash for ever: rather none at all.
    "dapr_sidecar_injector.webhookFailurePolicy": "Fail",
    "dapr_scheduler.cluster.storageSize": "1Gi",
    # Less than this, and a disturbed stream locks an actor type for ever (docs/decisions/0008).
    "dapr_placement.disseminateTimeout": "10s",
    # Without a request they come last on a busy node, fail their probes, and take every sidecar
    # that looks for them along: pods that start then never end starting.
    **{
        f"dapr_{part}.resources.requests.cpu": "100m"
        for part in ("operator", "placement", "scheduler", "sentry", "sidecar_injector")
    },
}


def add_basics(commands: Commands) -> None:
    """Add the name service, a storage class and volumes of the node's own disk.

    Raises:
        SetupError: the API server refused them.

    """
    dns = (_MANIFESTS / "coredns.yaml").read_text(encoding="utf-8")
    volumes = yaml.safe_dump_all(_storage(commands.places))
    commands.kubectl("apply", "--server-side", "-f", "-", given=f"{dns}---\n{volumes}")


def add_dapr(commands: Commands) -> None:
    """Install the Dapr control plane from the chart of its module, and wait until it is ready.

    Raises:
        SetupError: a pod of it does not become ready.

    """
    chart = module_folder(RUNTIME, "github.com/dapr/dapr") / "charts" / "dapr"
    values = [word for name, value in _DAPR_VALUES.items() for word in ("--set", f"{name}={value}")]
    into = ["--namespace", DAPR_NAMESPACE, "--create-namespace", "--wait", "--timeout", "180s"]
    commands.helm("upgrade", "--install", "dapr", str(chart), *into, *values)


def _storage(places: Places) -> list[dict[str, Any]]:
    """Return a storage class and its volumes, whose folders are made here."""
    storage: dict[str, Any] = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "Immediate",
    }
    return [storage, *(_volume(places, number) for number in range(_VOLUMES))]


def _volume(places: Places, number: int) -> dict[str, Any]:
    folder = places.volumes / f"{number:02}"
    folder.mkdir(parents=True, exist_ok=True)
    # A volume of the node has no owner that a pod could be given: whoever mounts it may write.
    folder.chmod(0o777)
    node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{STORAGE_CLASS}-{number:02}"},
        "spec": {
            "storageClassName": STORAGE_CLASS,
            "capacity": {"storage": "4Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [node]}]}},
        },
    }
