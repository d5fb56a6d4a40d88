"""What runs on the node of a local cluster: each program's command line, in order of start."""

from pathlib import Path

from pydantic import BaseModel

from quartet.cluster.places import (
    CONTAINERD_SOCKET,
    NODE,
    NODE_ADDRESS,
    POD_NETWORK,
    SERVICE_NETWORK,
    Places,
)
from quartet.cluster.tools import Tools

ETCD = "http://127.0.0.1:2379"
_ISSUER = "https://kubernetes.default.svc.cluster.local"


class Program(BaseModel):
    """One program of the node."""

    name: str
    argv: tuple[str, ...]
    needs: str = ""
    """A file that has to be there before the program is started."""


class Plan(BaseModel):
    """All that the node's first process has to know."""

    hostname: str
    address: str
    prefix: int
    resolver: str
    logs: str
    status: str
    programs: tuple[Program, ...]


def plan(places: Places, tools: Tools, etcd: Path) -> Plan:
    """Return what the node of these places runs."""
    return Plan(
        hostname=NODE,
        address=NODE_ADDRESS,
        prefix=24,
        resolver=str(places.resolver),
        logs=str(places.logs),
        status=str(places.status),
        programs=(
            _etcd(places, etcd),
            Program(
                name="containerd",
                argv=(str(tools.path("containerd")), "-c", str(places.containerd_settings)),
            ),
            _api_server(places, tools),
            _controller_manager(places, tools),
            _scheduler(places, tools),
            _kubelet(places, tools),
            _proxy(places, tools),
        ),
    )


def _etcd(places: Places, etcd: Path) -> Program:
    # A cluster for tests ends with its machine: nothing is gained by waiting for the disk.
    argv = (str(etcd), "--data-dir", str(places.etcd), "--unsafe-no-fsync=true")
    return Program(name="etcd", argv=(*argv, "--log-level=warn"))


def _api_server(places: Places, tools: Tools) -> Program:
    keys = places.keys
    return Program(
        name="kube-apiserver",
        argv=(
            str(tools.path("kube-apiserver")),
            f"--etcd-servers={ETCD}",
            f"--advertise-address={NODE_ADDRESS}",
            "--allow-privileged=true",
            "--kubelet-preferred-address-types=InternalIP",
            f"--tls-cert-file={keys}/apiserver.crt",
            f"--tls-private-key-file={keys}/apiserver.key",
            f"--client-ca-file={keys}/ca.crt",
            f"--kubelet-client-certificate={keys}/apiserver-to-kubelet.crt",
            f"--kubelet-client-key={keys}/apiserver-to-kubelet.key",
            f"--kubelet-certificate-authority={keys}/ca.crt",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            f"--service-account-issuer={_ISSUER}",
            f"--service-account-key-file={keys}/service-accounts.pub",
            f"--service-account-signing-key-file={keys}/service-accounts.key",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--requestheader-client-ca-file={keys}/ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={keys}/front-proxy.crt",
            f"--proxy-client-key-file={keys}/front-proxy.key",
        ),
    )


def _controller_manager(places: Places, tools: Tools) -> Program:
    keys = places.keys
    return Program(
        name="kube-controller-manager",
        argv=(
            *_with_kubeconfigs("kube-controller-manager", places, tools),
            f"--service-account-private-key-file={keys}/service-accounts.key",
            f"--root-ca-file={keys}/ca.crt",
            f"--cluster-signing-cert-file={keys}/ca.crt",
            f"--cluster-signing-key-file={keys}/ca.key",
            "--use-service-account-credentials",
            f"--flex-volume-plugin-dir={places.kubelet}/volume-plugins",
            "--leader-elect=false",
        ),
    )


def _scheduler(places: Places, tools: Tools) -> Program:
    argv = _with_kubeconfigs("kube-scheduler", places, tools)
    return Program(name="kube-scheduler", argv=(*argv, "--leader-elect=false"))


def _with_kubeconfigs(name: str, places: Places, tools: Tools) -> tuple[str, ...]:
    kubeconfig = places.keys / f"{name}.kubeconfig"
    uses = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    return (str(tools.path(name)), *(f"--{use}={kubeconfig}" for use in uses))


def _kubelet(places: Places, tools: Tools) -> Program:
    return Program(
        name="kubelet",
        needs=str(CONTAINERD_SOCKET),
        argv=(
            str(tools.path("kubelet")),
            f"--config={places.kubelet_settings}",
            f"--kubeconfig={places.keys}/kubelet.kubeconfig",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
            f"--root-dir={places.kubelet}",
            f"--cert-dir={places.keys}",
        ),
    )


def _proxy(places: Places, tools: Tools) -> Program:
    return Program(
        name="kube-proxy",
        argv=(
            str(tools.path("kube-proxy")),
            f"--kubeconfig={places.keys}/kube-proxy.kubeconfig",
            "--proxy-mode=nftables",
            f"--cluster-cidr={POD_NETWORK}",
            f"--hostname-override={NODE}",
            "--conntrack-max-per-core=0",
        ),
    )
