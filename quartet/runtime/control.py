"""Bring the control plane up and down and say how it is; the supervisor keeps it running."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from quartet.runtime import layout
from quartet.runtime.attestation import Mint
from quartet.runtime.build import BINARIES, ensure_binaries
from quartet.runtime.errors import SetupError
from quartet.runtime.identities import settle
from quartet.runtime.issuer import make_issuer
from quartet.runtime.leadership import leads
from quartet.runtime.machine import require_free_ports, require_no_other_suite, suite_holder
from quartet.runtime.processes import family, send, wait_gone
from quartet.runtime.redis import (
    OPERATOR,
    answers,
    connect,
    find_server,
    require_append_only,
    write_configuration,
)
from quartet.runtime.secret_files import make_secrets, write_secret
from quartet.runtime.sentry import certificate_life, command_line, sentry_configuration
from quartet.runtime.service_keys import publish_keys

Say = Callable[[str], None]
_READY_WITHIN_S = 60.0
_STOPPED_WITHIN_S = 20.0
_HEALTH = {
    "sentry": layout.SENTRY_HEALTH_PORT,
    "placement": layout.PLACEMENT_HEALTH_PORT,
    "scheduler": layout.SCHEDULER_HEALTH_PORT,
}


def up(data: layout.DataFolder, apps: tuple[layout.App, ...], say: Say) -> None:
    """Prepare the data folder, start the supervisor unless it runs, and wait until all is ready.

    Raises:
        SetupError: something is missing, taken, or does not come up; the message says what.

    """
    running = require_no_other_suite(data.root)
    binaries = ensure_binaries(say) if running is None else data.binaries
    prepare(data, apps, binaries)
    if running is None:
        require_free_ports(layout.CONTROL_PORTS | _app_ports(apps))
        Mint(data).renew()
        if not data.trust_anchors.exists():
            say("making certificates")
            _make_certificates(data)
        _start_supervisor(data)
    _wait_until_ready(data, say)
    require_append_only(connect(data, OPERATOR))
    say("control plane is up")


def prepare(data: layout.DataFolder, apps: tuple[layout.App, ...], binaries: Path) -> None:
    """Write what the control plane, launchers and apps read from the data folder."""
    for folder in (data.redis, data.sentry, data.scheduler, data.logs, data.binaries):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_secrets(data, [app.app_id for app in apps])
    make_issuer(data)
    publish_keys(data, time.time())
    write_configuration(data)
    write_secret(data.sentry / "config.yaml", sentry_configuration(data, certificate_life()))
    settle(data, apps)
    data.app_ids.write_text(json.dumps([app.app_id for app in apps]) + "\n")
    if binaries != data.binaries:
        _link(data.binaries / "redis-server", find_server())
        for name in BINARIES:
            _link(data.binaries / name, binaries / name)
    launcher = data.sidecar_launcher
    launcher.parent.mkdir(parents=True, exist_ok=True)
    python = shlex.quote(sys.executable)
    launcher.write_text(f'#!/bin/sh\nexec {python} -m quartet.runtime.daprd "$@"\n')
    launcher.chmod(0o755)


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _app_ports(apps: tuple[layout.App, ...]) -> dict[str, int]:
    return {f"{app.app_id} {name}": port for app in apps for name, port in app.ports.items()}


def _make_certificates(data: layout.DataFolder) -> None:
    """Let Sentry make root and issuer, then end it.

    A Sentry that has just written them takes them for changed and starts over three times in its
    first six seconds, while sidecars already want their certificates.
    """
    with (data.logs / "sentry.log").open("ab") as log:
        maker = subprocess.Popen(
            command_line(data), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    deadline = time.monotonic() + _READY_WITHIN_S
    with httpx.Client(timeout=2, trust_env=False) as client:
        while not _healthy(client, layout.SENTRY_HEALTH_PORT):
            if maker.poll() is not None or time.monotonic() > deadline:
                maker.kill()
                raise SetupError(f"Sentry made no certificates: see {data.logs / 'sentry.log'}")
            time.sleep(0.05)
    maker.terminate()
    maker.wait()


def _start_supervisor(data: layout.DataFolder) -> None:
    data.status.unlink(missing_ok=True)
    log = data.logs / "supervisor.log"
    with log.open("ab") as output:
        detached = subprocess.run(
            [sys.executable, "-m", "quartet.runtime.supervisor", str(data.root)],
            cwd=layout.repository(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if detached.returncode != 0:
        raise SetupError(last_line(log))


def _wait_until_ready(data: layout.DataFolder, say: Say) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    said, seen = "", False
    while missing := not_ready(data):
        waiting = f"waiting for {', '.join(missing)}"
        if waiting != said:
            say(said := waiting)
        runs = suite_holder() is not None
        if seen and not runs:
            raise SetupError(f"The supervisor ended: {last_line(data.logs / 'supervisor.log')}")
        seen = seen or runs
        if time.monotonic() > deadline:
            raise SetupError(
                f"Not ready after {_READY_WITHIN_S:g} s: {', '.join(missing)}. "
                f"See {data.logs}/{missing[0]}.log; `quartet runtime down` stops the rest."
            )
        time.sleep(0.1)


def not_ready(data: layout.DataFolder) -> list[str]:
    """Return the parts of the control plane that do not answer yet."""
    missing = [] if answers(connect(data, OPERATOR)) else ["redis"]
    with httpx.Client(timeout=2, trust_env=False) as client:
        missing += [name for name, port in _HEALTH.items() if not _healthy(client, port)]
    if "scheduler" not in missing and not _scheduler_leads(data):
        missing.append("scheduler")
    return missing


def _scheduler_leads(data: layout.DataFolder) -> bool:
    """Tell whether the scheduler runs jobs; its health server answers long before that."""
    programs = _written_status(data).get("programs", {})
    return leads(data.leadership, programs.get("scheduler", {}).get("identity", ""))


def _written_status(data: layout.DataFolder) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(data.status.read_text()) if data.status.exists() else {}
    return written


def _healthy(client: httpx.Client, port: int) -> bool:
    try:
        return client.get(f"http://{layout.HOST}:{port}/healthz").is_success
    except httpx.TransportError:
        return False


def last_line(log: Path) -> str:
    """Return the last line of a log file, for an error message."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"


def down(data: layout.DataFolder, say: Say) -> None:
    """Stop the supervisor of this data folder and all it runs; nothing to do is no error.

    Raises:
        SetupError: the suite that runs here has another data folder.

    """
    holder = require_no_other_suite(data.root)
    if holder is None:
        say("no control plane runs")
        return
    running = family(holder)
    say("stopping the control plane")
    os.kill(holder, signal.SIGTERM)
    left = wait_gone(running, _STOPPED_WITHIN_S)
    send(left, signal.SIGKILL)
    wait_gone(left, _STOPPED_WITHIN_S)
    say("control plane is down")


def status(data: layout.DataFolder) -> dict[str, Any]:
    """Return what runs: data folder, whether it is up, pid and restarts of each part."""
    holder = suite_holder()
    written = _written_status(data)
    mine = holder is not None and written.get("supervisor") == holder
    missing = not_ready(data) if mine else []
    return {
        "data": str(data.root),
        "up": mine and not missing,
        "not_ready": missing,
        "supervisor": holder if mine else None,
        "programs": written.get("programs", {}) if mine else {},
    }


def exports(data: layout.DataFolder) -> list[str]:
    """Return the shell lines that put an environment on the runtime; paths only, no secret."""
    venv = Path(sys.prefix) / "bin"
    return [
        f"export PATH={shlex.quote(str(venv))}:{shlex.quote(str(data.binaries))}:$PATH",
        f"export DAPR_RUNTIME_PATH={shlex.quote(str(data.runtime))}",
        f"export QUARTET_DATA={shlex.quote(str(data.root))}",
    ]


def environment(data: layout.DataFolder) -> dict[str, str]:
    """Return this process's environment with the runtime's paths in it."""
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), str(data.binaries), os.environ["PATH"]])
    return {
        **os.environ,
        "PATH": path,
        "DAPR_RUNTIME_PATH": str(data.runtime),
        "QUARTET_DATA": str(data.root),
    }
