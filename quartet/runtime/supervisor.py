"""The process that keeps Redis, Sentry, placement and scheduler running on one data folder.

Started by `quartet runtime up` as `python -m quartet.runtime.supervisor <data folder>`; holds the
lock that one suite per network namespace may have. What it runs is decided here, how long in
`children`.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from quartet.runtime import layout
from quartet.runtime.attestation import Mint
from quartet.runtime.children import Keeper, Kept, Program
from quartet.runtime.errors import SetupError
from quartet.runtime.leadership import Leadership
from quartet.runtime.machine import greet_callers, name_holder, take_suite_lock
from quartet.runtime.sentry import command_line, listening
from quartet.runtime.service_keys import publish_keys

SCHEDULER = "scheduler"
_PUBLISH_KEYS_EVERY_S = 600.0


def control_plane(data: layout.DataFolder) -> list[Program]:
    """Return the four programs, in the order of their first start."""
    return [
        _program(
            data, "redis", [str(data.binaries / "redis-server"), str(data.redis / "redis.conf")]
        ),
        _program(data, "sentry", command_line(data)),
        _program(data, "placement", _placement(data), attested=True),
        _program(data, SCHEDULER, _scheduler(data), attested=True),
    ]


def _program(
    data: layout.DataFolder, name: str, argv: Sequence[str], *, attested: bool = False
) -> Program:
    env = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    env |= {"NAMESPACE": layout.NAMESPACE, "GOGC": "400"}
    log = data.logs / f"{name}.log"
    if attested:
        env["DAPR_SENTRY_TOKEN_FILE"] = str(data.sentry_token(f"dapr-{name}"))
        return Program(name, argv, env, log, data.root, may_start=data.trust_anchors.exists)
    return Program(name, argv, env, log, data.root)


def _placement(data: layout.DataFolder) -> list[str]:
    """Return placement's command line; its time-out has to be longer than sidecars drain calls.

    A sidecar drains calls for 2 s and more when an app-id goes. Placement closes the stream of one
    that takes longer than the time-out; daprd 1.18.2 then never unlocks the actor types that
    changed, and each call to them hangs for good.
    """
    return [
        str(data.binaries / "placement"),
        *("--id", "dapr-placement-0"),
        *("--initial-cluster", f"dapr-placement-0={layout.HOST}:{layout.PLACEMENT_RAFT_PORT}"),
        *("--disseminate-timeout", "10s"),
        *listening(
            layout.PLACEMENT_PORT, layout.PLACEMENT_HEALTH_PORT, layout.PLACEMENT_METRICS_PORT
        ),
        *_secured(data),
    ]


def _scheduler(data: layout.DataFolder) -> list[str]:
    peer = f"dapr-scheduler-server-0=http://{layout.HOST}:{layout.ETCD_PEER_PORT}"
    return [
        str(data.binaries / "scheduler"),
        *("--id", "dapr-scheduler-server-0"),
        *("--override-broadcast-host-port", f"{layout.HOST}:{layout.SCHEDULER_PORT}"),
        *("--etcd-data-dir", str(data.scheduler), "--etcd-initial-cluster", peer),
        *("--etcd-client-listen-address", layout.HOST),
        *("--etcd-client-port", str(layout.ETCD_CLIENT_PORT)),
        *listening(
            layout.SCHEDULER_PORT, layout.SCHEDULER_HEALTH_PORT, layout.SCHEDULER_METRICS_PORT
        ),
        *_secured(data),
    ]


def _secured(data: layout.DataFolder) -> list[str]:
    return [
        "--tls-enabled",
        *("--trust-anchors-file", str(data.trust_anchors)),
        *("--trust-domain", layout.CONTROL_PLANE_TRUST_DOMAIN),
        *("--sentry-address", f"{layout.HOST}:{layout.SENTRY_PORT}"),
    ]


class Watch:
    """Writes the status file after each change; renews tokens and keys; minds the leadership."""

    def __init__(self, data: layout.DataFolder, lock: socket.socket) -> None:
        """Take the data folder and the suite's lock."""
        self._data = data
        self._status = data.status
        self._publish_at = 0.0
        self._leadership = Leadership(data.leadership)
        self._scheduler: str | None = None
        self._lock = lock
        self._mint = Mint(data)
        self._mint.renew()

    def changed(self, kept: Sequence[Kept]) -> None:
        """Replace the status file."""
        self._scheduler = next(
            (one.identity for one in kept if one.program.name == SCHEDULER), None
        )
        programs = {
            one.program.name: {
                "pid": one.pid,
                "identity": one.identity,
                "restarts": max(0, one.starts - 1),
                "last_exit": one.last_exit,
            }
            for one in kept
        }
        partial = self._status.with_suffix(".new")
        partial.write_text(json.dumps({"supervisor": os.getpid(), "programs": programs}) + "\n")
        partial.replace(self._status)

    def each_turn(self) -> None:
        """Answer those who ask for the lock's holder; renew tokens, keys; mind the leadership."""
        greet_callers(self._lock)
        self._mint.renew()
        if time.monotonic() >= self._publish_at:
            publish_keys(self._data, time.time())
            self._publish_at = time.monotonic() + _PUBLISH_KEYS_EVERY_S
        if self._scheduler:
            self._leadership.look(self._scheduler)


def main() -> None:
    """Take the lock, go on in a session of one's own, and run until SIGTERM or SIGINT.

    The process that was started ends at once: with status 1 and one line when another suite runs.
    """
    data = layout.DataFolder(Path(sys.argv[1]))
    try:
        lock = take_suite_lock()
    except SetupError as refused:
        sys.stderr.write(f"{refused}\n")
        raise SystemExit(1) from refused
    if os.fork():
        os._exit(0)
    os.setsid()
    name_holder(lock)
    watch = Watch(data, lock)
    Keeper(control_plane(data), on_change=watch.changed, each_turn=watch.each_turn).run()


if __name__ == "__main__":
    main()
