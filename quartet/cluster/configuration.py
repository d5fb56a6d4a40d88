"""The configuration files of containerd, the pod network and the kubelet."""

import json
from pathlib import Path
from typing import Any

import yaml

from quartet.cluster.places import CONTAINERD_SOCKET, DNS_SERVICE, POD_NETWORK, Places
from quartet.cluster.tools import Tools

PAUSE_IMAGE = "localhost/quartet-pause:1"
CNI_PROGRAMS = Path("/usr/lib/cni")
_CONTAINERD = """\
version = 3
root = "{store}"
state = "/run/containerd"

[grpc]
  address = "{socket}"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{pause}"

[plugins."io.containerd.cri.v1.runtime"]
  disable_apparmor = true
  restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = "{shim}"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = false

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["{cni_programs}"]
  conf_dir = "{cni}"
"""


def write_configuration(places: Places, tools: Tools) -> None:
    """Write what containerd, the pod network and the kubelet read, and make their folders."""
    for folder in (places.logs, places.cni, places.kubelet, places.volumes, places.store):
        folder.mkdir(parents=True, exist_ok=True)
    places.resolver.write_text("")
    places.containerd_settings.write_text(
        _CONTAINERD.format(
            store=places.store,
            socket=CONTAINERD_SOCKET,
            pause=PAUSE_IMAGE,
            shim=tools.path("containerd-shim-runc-v2"),
            cni_programs=CNI_PROGRAMS,
            cni=places.cni,
        )
    )
    (places.cni / "10-quartet.conflist").write_text(json.dumps(_pod_network(), indent=2))
    places.kubelet_settings.write_text(yaml.safe_dump(_kubelet(places), sort_keys=False))


def _pod_network() -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": POD_NETWORK}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni",
        },
    }
    return {
        "cniVersion": "1.0.0",
        "name": "quartet",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def _kubelet(places: Places) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",  # noqa: S104  in the node's own network only
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(places.keys / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(places.keys / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(places.keys / "kubelet-server.key"),
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "resolvConf": "/etc/resolv.conf",
        "failSwapOn": False,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        "syncFrequency": "10s",
        "volumePluginDir": str(places.kubelet / "volume-plugins"),
    }
