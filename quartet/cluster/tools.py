"""The programs that a local cluster consists of, and those that speak to one; built from Go."""

from dataclasses import dataclass
from pathlib import Path

from quartet.runtime.gobuild import Family, Say, ensure

KUBERNETES_VERSION = "1.36.3"
CONTAINERD_VERSION = "2.4.2"
HELM_VERSION = "4.3.1"

_KUBE = "k8s.io/kubernetes/cmd"
_CONTAINERD = "github.com/containerd/containerd/v2"
_BASE_VERSION = "k8s.io/component-base/version"

KUBERNETES = Family(
    module="kube/kubernetes",
    programs={
        name: f"{_KUBE}/{name}"
        for name in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kube-proxy",
            "kubectl",
        )
    },
    stamps=(
        f"{_BASE_VERSION}.gitVersion=v{KUBERNETES_VERSION}",
        f"{_BASE_VERSION}.gitMajor={KUBERNETES_VERSION.split('.')[0]}",
        f"{_BASE_VERSION}.gitMinor={KUBERNETES_VERSION.split('.')[1]}",
        f"k8s.io/client-go/pkg/version.gitVersion=v{KUBERNETES_VERSION}",
    ),
)
CONTAINERD = Family(
    module="kube/containerd",
    programs={
        name: f"{_CONTAINERD}/cmd/{name}"
        for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    },
    stamps=(f"{_CONTAINERD}/version.Version=v{CONTAINERD_VERSION}",),
)
TOOLS = Family(
    module="kube/tools",
    programs={
        "helm": "helm.sh/helm/v4/cmd/helm",
        "helm-unittest": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
        "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
        "coredns": "./coredns",
        "pause": "./pause",
    },
    stamps=(f"helm.sh/helm/v4/internal/version.version=v{HELM_VERSION}",),
)
FOR_CHARTS = ("helm", "helm-unittest", "kubeconform")
"""What a chart is checked with, without any cluster."""


@dataclass(frozen=True)
class Tools:
    """Where each program is."""

    folders: tuple[Path, ...]

    def path(self, name: str) -> Path:
        """Return the program of this name.

        Raises:
            FileNotFoundError: it has not been built.

        """
        for folder in self.folders:
            if (folder / name).is_file():
                return folder / name
        raise FileNotFoundError(f"{name} has not been built.")


def built() -> Tools:
    """Return where the programs are, or will be."""
    return Tools((TOOLS.folder, KUBERNETES.folder, CONTAINERD.folder))


def ensure_tools(say: Say) -> Tools:
    """Build what is missing, once per user; some 10 minutes on two cores for all of it.

    Raises:
        SetupError: Go is missing or too old, or a build failed.

    """
    for family in (TOOLS, CONTAINERD, KUBERNETES):
        ensure(family, family.folder, say)
    return built()


def ensure_chart_tools(say: Say) -> Path:
    """Build what a chart is checked with, and return the folder that holds it.

    Raises:
        SetupError: Go is missing or too old, or a build failed.

    """
    ensure(TOOLS, TOOLS.folder, say, FOR_CHARTS)
    return TOOLS.folder
