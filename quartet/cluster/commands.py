"""kubectl, helm and ctr, run in the network of the local cluster."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from quartet.cluster.node import Node, find
from quartet.cluster.places import CONTAINERD_SOCKET, Places
from quartet.cluster.requirements import PATH
from quartet.cluster.tools import Tools, built
from quartet.runtime.errors import SetupError


@dataclass(frozen=True)
class Commands:
    """What speaks to one running node."""

    places: Places
    tools: Tools
    node: Node

    @classmethod
    def of_running(cls, places: Places) -> "Commands":
        """Return the commands of the cluster that is up.

        Raises:
            SetupError: none is.

        """
        node = find(places)
        if node is None:
            raise SetupError("No local cluster is up: start one with `make cluster`.")
        return cls(places, built(), node)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a program that finds the cluster, kubectl and helm."""
        found = os.pathsep.join(str(folder) for folder in self.tools.folders)
        return {
            **os.environ,
            "PATH": f"{found}{os.pathsep}{PATH}",
            "KUBECONFIG": str(self.places.kubeconfig),
            "KUBERNETES_MASTER": "",
        }

    def in_network(self, argv: Sequence[str]) -> list[str]:
        """Return the command line that runs `argv` where the cluster can be reached."""
        return self.node.inside(argv, network_only=True)

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl and return its stdout; `given` goes to its stdin.

        Raises:
            SetupError: it failed; the text is its last line.

        """
        return self._checked("kubectl", arguments, given)

    def helm(self, *arguments: str) -> str:
        """Run helm and return its stdout.

        Raises:
            SetupError: it failed; the text is its last line.

        """
        return self._checked("helm", arguments, None)

    def succeeds(self, name: str, *arguments: str) -> bool:
        """Run kubectl or helm and tell whether it ended with status 0."""
        return self._run(name, arguments, None).returncode == 0

    def ctr(self, *arguments: str) -> str:
        """Run containerd's own client in the namespace of Kubernetes and return its stdout.

        Raises:
            SetupError: it failed; the text is its last line.

        """
        client = [str(self.tools.path("ctr")), "--address", str(CONTAINERD_SOCKET), "-n", "k8s.io"]
        done = subprocess.run(
            self.node.inside([*client, *arguments]), capture_output=True, text=True, check=False
        )
        return _output_of("ctr", arguments, done)

    def _checked(self, name: str, arguments: Sequence[str], given: str | None) -> str:
        return _output_of(name, arguments, self._run(name, arguments, given))

    def _run(
        self, name: str, arguments: Sequence[str], given: str | None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.in_network([str(self.tools.path(name)), *arguments]),
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )


def _output_of(
    name: str, arguments: Sequence[str], done: "subprocess.CompletedProcess[str]"
) -> str:
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise SetupError(f"{name} {arguments[0] if arguments else ''} failed: {said}")
    return done.stdout
