"""Where a local cluster keeps its files: what is thrown away at its end, and what is kept."""

from dataclasses import dataclass
from pathlib import Path

from quartet.runtime.layout import cache_folder

NODE = "node1"
NODE_ADDRESS = "10.210.0.1"
NODE_NETWORK = "10.210.0.0/24"
POD_NETWORK = "10.244.0.0/24"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
API_PORT = 6443
API = f"https://127.0.0.1:{API_PORT}"
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
"""Inside the node, where /run is its own."""


@dataclass(frozen=True)
class Places:
    """The folders of the one local cluster of this user."""

    root: Path

    @classmethod
    def of_user(cls) -> "Places":
        """Return the places in the user's cache."""
        return cls(cache_folder() / "cluster")

    @property
    def run(self) -> Path:
        """What one cluster writes while it is up; mode 0700, gone when it is down."""
        return self.root / "run"

    @property
    def images(self) -> Path:
        """Image archives, kept."""
        return self.root / "images"

    @property
    def store(self) -> Path:
        """Containerd's imported images, kept so that the next start need not import them."""
        return self.root / "store"

    @property
    def lock(self) -> Path:
        """Held while a cluster is brought up or down."""
        return self.root / "lock"

    @property
    def keys(self) -> Path:
        """Certificates, private keys and kubeconfigs."""
        return self.run / "keys"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; it works inside the cluster's network only."""
        return self.keys / "admin.kubeconfig"

    @property
    def logs(self) -> Path:
        """One log file a program."""
        return self.run / "logs"

    @property
    def programs(self) -> Path:
        """What the node's first process is to start, as JSON."""
        return self.run / "programs.json"

    @property
    def status(self) -> Path:
        """The first process's last word on its programs, as JSON."""
        return self.run / "status.json"

    @property
    def node(self) -> Path:
        """The pid of the node's first process and the control groups made for it, as JSON."""
        return self.run / "node.json"

    @property
    def volumes(self) -> Path:
        """The folders behind the cluster's persistent volumes."""
        return self.run / "volumes"

    @property
    def etcd(self) -> Path:
        """The data of etcd."""
        return self.run / "etcd"

    @property
    def kubelet(self) -> Path:
        """The kubelet's root folder."""
        return self.run / "kubelet"

    @property
    def containerd_settings(self) -> Path:
        """Containerd's configuration."""
        return self.run / "containerd.toml"

    @property
    def kubelet_settings(self) -> Path:
        """The kubelet's configuration."""
        return self.run / "kubelet.yaml"

    @property
    def cni(self) -> Path:
        """The folder with the pod network's configuration."""
        return self.run / "cni"

    @property
    def resolver(self) -> Path:
        """The node's /etc/resolv.conf: empty, there is no outer world."""
        return self.run / "resolv.conf"
