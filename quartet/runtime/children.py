"""Keep child processes running: the one restart loop of supervisor and launchers.

Standard library only. Nothing here knows which programs they are. A child gets SIGKILL from the
kernel when its keeper dies, so killing a keeper leaves nothing behind.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TypedDict

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 5.0
CALM_AFTER_S = 30.0
_LOOK_EVERY_S = 0.5
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def next_delay(previous_s: float, up_for_s: float) -> float:
    """Return how long to wait before the next start, in seconds.

    Doubles from 0.2 s to 5 s; a child that stayed up for 30 s starts over at 0.2 s.
    """
    if previous_s == 0 or up_for_s >= CALM_AFTER_S:
        return FIRST_DELAY_S
    return min(previous_s * 2, LONGEST_DELAY_S)


def die_with_parent(parent: int, with_signal: int = signal.SIGKILL) -> None:
    """Have the kernel send `with_signal` to this process when `parent` dies."""
    if _libc.prctl(_PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)


class Bell:
    """Wakes a waiting loop on SIGCHLD, and remembers that SIGTERM or SIGINT asked it to stop."""

    def __init__(self) -> None:
        """Take over SIGCHLD, SIGTERM and SIGINT of this process."""
        self.asked_to_stop = False
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked_to_stop = True

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or at once when a signal comes."""
        readable, _, _ = select.select([self._read], [], [], seconds)
        if readable:
            os.read(self._read, 4096)


def _always() -> bool:
    return True


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Program:
    """What to run: argv, environment (complete), and where its output goes."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    cwd: Path | None = None
    may_start: Callable[[], bool] = _always
    grace_s: float = 10.0
    user: int | None = None
    """The user to run as, with a group of the same number and no other; None: as now."""


class _AsUser(TypedDict, total=False):
    user: int
    group: int
    extra_groups: Sequence[int]


def _as_user(user: int | None) -> _AsUser:
    return {} if user is None else {"user": user, "group": user, "extra_groups": ()}


@dataclass
class Kept:
    """One program and its present process."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    last_exit: int | None = None
    _started_at: float = 0.0
    _born_at_ns: int = 0
    _delay_s: float = 0.0
    _due_at: float = field(default=0.0)

    @property
    def pid(self) -> int | None:
        """The running process, if any."""
        return self.process.pid if self.process else None

    @property
    def identity(self) -> str | None:
        """Name the running process so that no later one, whatever its pid, is taken for it."""
        return f"{self.pid}@{self._born_at_ns}" if self.process else None

    def start_if_due(self, now: float) -> bool:
        """Start the program when its pause is over and it may; tell whether it was started."""
        if self.process or now < self._due_at or not self.program.may_start():
            return False
        parent = os.getpid()
        self.program.log.parent.mkdir(parents=True, exist_ok=True)
        with self.program.log.open("ab") as log:
            self.process = subprocess.Popen(
                list(self.program.argv),
                env=dict(self.program.env),
                cwd=self.program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=lambda: die_with_parent(parent),
                **_as_user(self.program.user),
            )
        self.starts += 1
        self._started_at = now
        self._born_at_ns = time.time_ns()
        return True

    def ended(self, now: float) -> bool:
        """Tell whether the process has ended just now; its next start is then put off."""
        if self.process is None or self.process.poll() is None:
            return False
        self._sweep_group(self.process.pid)
        self.last_exit = self.process.returncode
        self.process = None
        self._delay_s = next_delay(self._delay_s, now - self._started_at)
        self._due_at = now + self._delay_s
        return True

    @property
    def pause_s(self) -> float:
        """Seconds between the last end and the next start."""
        return self._delay_s

    def ask_to_stop(self) -> None:
        """Send SIGTERM, if it runs."""
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def stop_by(self, deadline: float) -> None:
        """Wait until `deadline` for its end, then kill it and what it started in its group."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._sweep_group(self.process.pid)
        self.last_exit = self.process.returncode
        self.process = None

    @staticmethod
    def _sweep_group(group: int) -> None:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            return


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Keeper:
    """Keeps programs running until SIGTERM or SIGINT, then stops them all in bounded time."""

    def __init__(
        self,
        programs: Sequence[Program],
        on_change: Callable[[Sequence[Kept]], None] = lambda _kept: None,
        each_turn: Callable[[], None] = _nothing,
    ) -> None:
        """Take the programs, and what to call when one starts or ends, and on each turn."""
        self.kept = [Kept(program) for program in programs]
        self._on_change = on_change
        self._each_turn = each_turn

    def run(self) -> None:
        """Run until asked to stop; call it in the main thread of a single-threaded process."""
        bell = Bell()
        while not bell.asked_to_stop:
            if self._turn(time.monotonic()):
                self._on_change(self.kept)
            self._each_turn()
            bell.wait(self._patience())
        self.stop()

    def _turn(self, now: float) -> bool:
        changed = False
        for kept in self.kept:
            if kept.ended(now):
                changed = True
                _say(
                    f"{kept.program.name}: ended with {kept.last_exit}, "
                    f"starting again in {kept.pause_s:g} s (log: {kept.program.log})"
                )
            changed = kept.start_if_due(now) or changed
        return changed

    def _patience(self) -> float:
        return _LOOK_EVERY_S if all(kept.process for kept in self.kept) else 0.05

    def stop(self) -> None:
        """Ask every child to stop, then kill those that have not in their grace period."""
        for kept in self.kept:
            kept.ask_to_stop()
        asked_at = time.monotonic()
        for kept in self.kept:
            kept.stop_by(asked_at + kept.program.grace_s)
        self._on_change(self.kept)
