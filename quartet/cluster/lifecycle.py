"""A local cluster brought up, looked at and taken down."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel

from quartet.cluster import addons, configuration, credentials, node, programs
from quartet.cluster.commands import Commands
from quartet.cluster.images.catalogue import Archived, ensure_images
from quartet.cluster.places import NODE, Places
from quartet.cluster.requirements import program, provide
from quartet.cluster.tools import Tools, ensure_tools
from quartet.cluster.waiting import until
from quartet.runtime.build import ensure_for_kubernetes
from quartet.runtime.errors import SetupError
from quartet.runtime.gobuild import Say

_READY_S = 60.0


class Standing(BaseModel):
    """What is known of the local cluster."""

    up: bool
    kubeconfig: str = ""
    programs: dict[str, "ProgramStanding"] = {}
    pods: dict[str, str] = {}
    """The phase of each pod by namespace and name."""


class ProgramStanding(BaseModel):
    """How one program of the node fares."""

    runs: bool
    starts: int
    ends: tuple[int, ...]
    """The last exit statuses, oldest first; below 0: the signal that ended it."""


def up(places: Places, say: Say) -> Commands:
    """Build what is missing, start the node, load the images, install Dapr; some 30 s when warm.

    A cluster that is up is completed: images that have changed are loaded again.

    Raises:
        SetupError: the machine lacks something, or a part does not become ready.

    """
    provide(say)
    places.root.mkdir(parents=True, exist_ok=True)
    tools = ensure_tools(say)
    ensure_for_kubernetes(say)
    images = ensure_images(places, tools, say)
    with _alone(places):
        commands = _running(places) or _start(places, tools, say)
        load(commands, images, say)
        say("waiting for the node")
        commands.kubectl("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=60s")
        addons.add_basics(commands)
        commands.kubectl(
            "rollout", "status", "deployment/coredns", "-n", "kube-system", "--timeout=60s"
        )
        say("installing Dapr")
        addons.add_dapr(commands)
        say("the cluster is up")
    return commands


def down(places: Places) -> None:
    """End the cluster; nothing but its images, kept as a cache, is left.

    Raises:
        SetupError: a process or a control group does not go.

    """
    if places.root.exists():
        with _alone(places):
            node.stop(places)


def status(places: Places) -> Standing:
    """Return what runs."""
    if node.find(places) is None:
        return Standing(up=False)
    commands = Commands.of_running(places)
    told = json.loads(places.status.read_text(encoding="utf-8"))
    return Standing(
        up=True,
        kubeconfig=str(places.kubeconfig),
        programs={name: ProgramStanding.model_validate(one) for name, one in told.items()},
        pods=_pods(commands),
    )


def load(commands: Commands, images: tuple[Archived, ...], say: Say) -> None:
    """Import the archives that containerd has not yet imported as they are.

    Raises:
        SetupError: containerd refused one.

    """
    imported = commands.places.store / "imported.json"
    have = json.loads(imported.read_text()) if imported.exists() else {}
    present = set(commands.ctr("images", "list", "-q").split())
    for one in images:
        if have.get(one.name) == one.path.name and one.name in present:
            continue
        say(f"loading image {one.name}")
        commands.ctr("images", "import", str(one.path))
        have[one.name] = one.path.name
        imported.write_text(json.dumps(have))


def _pods(commands: Commands) -> dict[str, str]:
    found = json.loads(commands.kubectl("get", "pods", "-A", "-o", "json"))
    return {
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}": pod["status"]["phase"]
        for pod in found["items"]
    }


def _running(places: Places) -> Commands | None:
    return Commands.of_running(places) if node.find(places) else None


def _start(places: Places, tools: Tools, say: Say) -> Commands:
    node.stop(places)
    say("starting the node")
    places.run.mkdir(mode=0o700, parents=True)
    credentials.write_credentials(places.keys)
    configuration.write_configuration(places, tools)
    plan = programs.plan(places, tools, program("etcd"))
    places.programs.write_text(plan.model_dump_json(indent=2))
    started = node.start(places)
    commands = Commands(places, tools, started)
    _await(commands)
    return commands


def _await(commands: Commands) -> None:
    """Wait until the API server has its node: the kubelet tells it of itself."""

    def begun() -> bool:
        if not commands.node.runs:
            log = commands.places.logs / "init.log"
            raise SetupError(f"The node ended while it was started (see {log}).")
        registered = commands.succeeds("kubectl", "get", f"node/{NODE}")
        return registered and commands.succeeds("kubectl", "get", "--raw", "/readyz")

    def problem() -> str:
        return f"The cluster did not start in {_READY_S:.0f} s: see {commands.places.logs}."

    until(begun, _READY_S, problem)


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    with places.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
