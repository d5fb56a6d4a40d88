"""Start a whole suite with `dapr run -f`, wait until it is ready, stop it; not the control plane.

The CLI knows no order and no readiness, and ends its children with SIGKILL; here a suite is ready
when every app and sidecar answers, and stopped when none of its processes is left.
"""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from quartet.runtime import control, layout
from quartet.runtime.errors import SetupError
from quartet.runtime.processes import family, send, wait_gone
from quartet.runtime.shape import Shape

Say = Callable[[str], None]
READY_WITHIN_S = 120.0
_GRACE_S = 15.0
_CLI_GRACE_S = 3.0  # with apps and sidecars gone it has nothing left to do
_OURS = ("quartet.runtime.launch", "quartet.runtime.daprd")


@dataclass(frozen=True)
class Suite:
    """A running `dapr run`: its pid, and the app-ids it was started with."""

    data: layout.DataFolder
    apps: tuple[layout.App, ...]
    pid: int
    process: subprocess.Popen[bytes] | None = None
    """Set where this process started it; another one's suite is known by pid alone."""

    def not_ready(self) -> list[str]:
        """Return which apps and sidecars do not answer yet."""
        with httpx.Client(timeout=2, trust_env=False) as client:
            return [name for app in self.apps for name in _silent(client, app)]

    def wait_until_ready(self, say: Say, within_s: float = READY_WITHIN_S) -> None:
        """Return when every app and sidecar answers.

        Raises:
            SetupError: `dapr run` ended, or something still does not answer after `within_s`.

        """
        deadline = time.monotonic() + within_s
        said = ""
        while missing := self.not_ready():
            if (waiting := _sentence(missing)) != said:
                say(said := waiting)
            if not self._runs():
                log = self.data.logs / "suite.log"
                raise SetupError(f"`dapr run` ended: {control.last_line(log)} (more in {log})")
            if time.monotonic() > deadline:
                raise SetupError(
                    f"Not ready after {within_s:g} s: {', '.join(missing)}. See {self.data.logs}/."
                )
            time.sleep(0.1)
        say("suite is ready")

    def _runs(self) -> bool:
        if self.process is not None:
            return self.process.poll() is None
        return Path(f"/proc/{self.pid}").exists()

    def stop(self, say: Say) -> None:
        """Stop apps, then sidecars, then the CLI; kill what is left after a grace period.

        Raises:
            SetupError: a process outlived even that.

        """
        running = family(self.pid)
        say(f"stopping {len(running)} processes")
        for kind in _OURS:
            stubs = [process for process in running if _is_stub(process, kind)]
            send(stubs, signal.SIGTERM)
            wait_gone([*stubs, *_children_of(stubs, running)], _GRACE_S)
        running += [one for one in family(self.pid) if one not in running]
        send([one for one in running if one.pid == self.pid], signal.SIGTERM)
        left = wait_gone(running, _CLI_GRACE_S)
        send(left, signal.SIGKILL)
        left = wait_gone(left, _GRACE_S)
        if self.process is not None:
            self.process.wait()
        record(self.data).unlink(missing_ok=True)
        if left:
            raise SetupError(f"Still running: {', '.join(str(one.pid) for one in left)}")
        say("suite is stopped")


def _silent(client: httpx.Client, app: layout.App) -> list[str]:
    wanted = {f"sidecar of {app.app_id}": f"http://{layout.HOST}:{app.http_port}/v1.0/healthz"}
    if app.has_app:
        wanted[app.app_id] = f"http://{layout.HOST}:{app.app_port}/healthz"
    return [name for name, url in wanted.items() if not _answers(client, url)]


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx.TransportError:
        return False


def _sentence(missing: Sequence[str]) -> str:
    more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
    return f"waiting for {', '.join(missing[:4])}{more}"


def _is_stub(process: psutil.Process, kind: str) -> bool:
    try:
        parent = process.parent()
        return kind in process.cmdline() and (parent is None or kind not in parent.cmdline())
    except psutil.NoSuchProcess:
        return False


def _children_of(
    parents: Sequence[psutil.Process], among: Sequence[psutil.Process]
) -> list[psutil.Process]:
    pids = {parent.pid for parent in parents}
    return [one for one in among if _ppid(one) in pids]


def _ppid(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return 0


def record(data: layout.DataFolder) -> Path:
    """Return the file that names the suite running on a data folder."""
    return data.runtime / "suite.json"


def start(data: layout.DataFolder, shape: Shape, run_file: Path) -> Suite:
    """Start `dapr run -f <run_file>` in a session of its own; its output goes to logs/suite.log.

    The control plane must be up. Raises SetupError when a suite runs on this data folder already.
    """
    if find(data, shape) is not None:
        raise SetupError("The suite runs already: `make stop` stops it.")
    with (data.logs / "suite.log").open("ab") as log:
        process = subprocess.Popen(
            [str(data.binaries / "dapr"), "run", "-f", str(run_file)],
            cwd=layout.repository(),
            env=control.environment(data)
            | {"QUARTET_PACK": shape.pack, "QUARTET_CANARIES": ",".join(shape.canaries)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    born = psutil.Process(process.pid).create_time()
    record(data).write_text(json.dumps({"pid": process.pid, "born": born}))
    return Suite(data, shape.apps, process.pid, process)


def find(data: layout.DataFolder, shape: Shape) -> Suite | None:
    """Return the suite that runs on this data folder, if one does."""
    if not record(data).exists():
        return None
    written = json.loads(record(data).read_text())
    try:
        alive = psutil.Process(written["pid"]).create_time() == written["born"]
    except psutil.NoSuchProcess:
        return None
    return Suite(data, shape.apps, written["pid"]) if alive else None


@contextmanager
def running_suite(
    data: layout.DataFolder, shape: Shape, run_file: Path, say: Say
) -> Iterator[Suite]:
    """Run control plane and suite on `data` for the time of a `with` block."""
    control.up(data, shape.apps, say)
    try:
        suite = start(data, shape, run_file)
        try:
            suite.wait_until_ready(say)
            yield suite
        finally:
            suite.stop(say)
    finally:
        control.down(data, say)
