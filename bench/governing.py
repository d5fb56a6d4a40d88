"""What governance costs: beside the same toolbox with its gate open, in process, and when held."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.extent import Extent
from bench.figures import Governed, Held, latency_of
from bench.gate import timed
from bench.passthrough import OPEN
from bench.processes import APPS, kinds, memory
from bench.runs import Run, Tasks, run_one
from bench.starting import Say, Started
from bench.timed import COMMITS
from quartet.cli.auditing import export, verify
from quartet.cli.console import connect
from quartet.runtime.errors import SetupError

OUTSIDE = Path("coordinator", "checkpoints.jsonl")


def governed(started: Started, extent: Extent, say: Say) -> Governed:
    """Measure on a suite whose toolbox and coordinator are the bench's own compositions."""
    with closing(Tasks(started)) as tasks:
        for _ in range(3):
            run_one(tasks)
        commits = _Commits(started.data.root / COMMITS)
        closed, opened, batches = _in_turns(started, tasks, commits, extent, say)
        say(f"the gate in process, {extent.gate_calls} calls")
        gate = timed(started.data, extent.gate_calls)
        say("verifying an export of the audit")
        rate = _verified_per_s(started)
        say(f"{extent.held} tasks that wait for a person")
        held = tuple(_held(started, tasks, extent.held))
    return Governed(
        gate=gate,
        commit=latency_of(commits.single),
        commit_in_batch=latency_of(commits.in_batch),
        governed=latency_of(closed),
        open=latency_of(opened),
        batch=extent.batch,
        governed_batch_s=batches[0],
        open_batch_s=batches[1],
        verified_per_s=rate,
        held=held,
    )


@dataclass
class _Commits:
    """How long commits took with the gate governing, alone and in batches, seconds."""

    path: Path
    single: list[float] = field(default_factory=list)
    in_batch: list[float] = field(default_factory=list)
    _seen: int = 0

    def new(self) -> list[float]:
        """Return those since the last call."""
        found = [json.loads(line) for line in self.path.read_text().splitlines()]
        new, self._seen = found[self._seen :], len(found)
        return new


def _in_turns(
    started: Started, tasks: Tasks, commits: _Commits, extent: Extent, say: Say
) -> tuple[list[float], list[float], tuple[tuple[float, ...], tuple[float, ...]]]:
    """Run single tasks and batches with the gate governing and open, one after the other."""
    single: tuple[list[float], list[float]] = ([], [])
    batches: tuple[list[float], list[float]] = ([], [])
    for turn in range(extent.turns):
        say(f"turn {turn + 1} of {extent.turns}: governed, then open")
        for which in (0, 1):
            with _gate(started, is_open=bool(which)):
                commits.new()
                single[which].extend(run_one(tasks).took for _ in range(max(extent.rounds // 4, 2)))
                alone = commits.new()
                batches[which].append(_span(tasks.prepare(extent.batch)()))
                if which == 0:
                    commits.single += alone
                    commits.in_batch += commits.new()
    return single[0], single[1], (tuple(batches[0]), tuple(batches[1]))


def _span(runs: list[Run]) -> float:
    return max(one.ended for one in runs) - min(one.begun for one in runs)


@contextmanager
def _gate(started: Started, *, is_open: bool) -> Iterator[None]:
    flag = started.data.root / OPEN
    if not is_open:
        yield
        return
    flag.touch(mode=0o644)
    try:
        yield
    finally:
        flag.unlink()


def _verified_per_s(started: Started) -> float:
    """Export the audit of the suite as it is, verify it offline; return records a second."""
    path = started.data.root / "bench-audit.jsonl"
    with connect(started.data) as console, path.open("wb") as file:
        export(console, file, _untold)
    begun = time.perf_counter()
    found = verify(path, started.data.service_keys, started.data.root / OUTSIDE, _untold)
    passed = time.perf_counter() - begun
    if found.fault is not None:
        raise SetupError(f"The audit of the bench's own suite does not verify: {found.fault}.")
    return found.records / passed


def _held(started: Started, tasks: Tasks, times: int) -> Iterator[Held]:
    """Look at the suite while none, a tenth, half and all of so many tasks wait for a person.

    What pools fill once is there at the tenth; what a waiting task takes goes on growing.
    """
    held = 0
    for wanted in sorted({0, times // 10, times // 2, times}):
        tasks.hold(wanted - held)
        held = wanted
        threads = sum(_threads(process) for kind, process in kinds(started) if kind == APPS)
        yield Held(tasks=held, pss_mib=memory(started)[APPS].pss_mib, threads=threads)


def _threads(process: psutil.Process) -> int:
    try:
        return int(process.num_threads())
    except psutil.NoSuchProcess:
        return 0


def _untold(done: int, of: int) -> None:
    del done, of
