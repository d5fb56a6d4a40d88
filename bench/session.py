"""One run of the bench: which suites it starts, in which order, and what it measures on each.

Full: the suite as it is, twice (first and second start; the second with a provider that takes its
time), then once more with the bare apps beside it. Quick: one start and a few tasks of each. What
governance costs has a start of its own, with the gate composed in, and may be all that is measured.
"""

import os
import platform
import subprocess
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench.bare import ACROSS_APPS, IN_ONE_APP
from bench.endpoint import Endpoint
from bench.extent import Extent
from bench.figures import Alone, Beside, Machine, Report, Starting
from bench.governing import governed
from bench.phases import compared, growth, idle_cores, model_time, models_file, written
from bench.processes import BENCH, memory
from bench.runs import Chains, Tasks
from bench.starting import PACK, Say, Started, started
from quartet.packs.load import load
from quartet.runtime.layout import DataFolder, repository

MODEL_WAIT_S = 0.1


@dataclass
class Session:
    """Measures and collects."""

    data: DataFolder
    extent: Extent
    say: Say

    def run(self, *, only_governance: bool) -> Report:
        """Start, measure, stop; return what was found."""
        self.data.root.mkdir(parents=True, exist_ok=True)
        here = machine()
        alone = beside = None
        if not only_governance:
            with Endpoint(load(PACK)) as endpoint:
                parts = self._full if self.extent.starts else self._quick
                alone, beside = parts(endpoint, models_file(self.data.root, endpoint))
        self.say("a start with a gate that can be opened")
        with started(self.data, self.say, composed=True) as suite:
            governance = governed(suite, self.extent, self.say)
        return Report(
            machine=here.model_copy(update={"load_after": os.getloadavg()[0]}),
            command=self.extent.command,
            alone=alone,
            beside=beside,
            governed=governance,
        )

    def _full(self, endpoint: Endpoint, models: Path) -> tuple[Alone, Beside]:
        self.say("first start, on a fresh data folder")
        with started(self.data, self.say, bare=False) as first:
            first_s = first.ready_s
        self.say("second start")
        with started(self.data, self.say, bare=False, models=models) as second:
            starting = Starting(first_s=first_s, second_s=second.ready_s)
            alone = self._alone(second, endpoint, starting)
        self.say("third start, with the bare apps beside the suite")
        with started(self.data, self.say, bare=True) as third:
            return alone, self._beside(third)

    def _quick(self, endpoint: Endpoint, models: Path) -> tuple[Alone, Beside]:
        with started(self.data, self.say, bare=True, models=models) as only:
            starting = Starting(first_s=only.ready_s)
            return self._alone(only, endpoint, starting), self._beside(only)

    def _alone(self, suite: Started, endpoint: Endpoint, starting: Starting) -> Alone:
        extent = self.extent
        with closing(Tasks(suite)) as tasks:
            self.say(f"{extent.slow} tasks with {MODEL_WAIT_S * 1000:.0f} ms a completion")
            slow = model_time(endpoint, tasks, extent.slow, MODEL_WAIT_S)
            wide = []
            for width, times in extent.widths:
                self.say(f"{times} with a plan of {width}")
                wide.append(growth(suite, tasks, width, times))
        self.say("memory, and CPU when idle")
        used, idle = memory(suite), idle_cores(suite, extent.idle_s)
        return Alone(
            starting=starting,
            memory={kind: found for kind, found in used.items() if kind != BENCH},
            idle_cores=sum(cores for kind, cores in idle.items() if kind != BENCH),
            model_time=slow,
            growth=tuple(wide),
        )

    def _beside(self, suite: Started) -> Beside:
        extent = self.extent
        with ExitStack() as stack:
            tasks = Tasks(suite)
            one = Chains(suite, IN_ONE_APP, "bare, one app")
            across = Chains(suite, ACROSS_APPS, "bare, across apps")
            for contender in (tasks, one, across):
                stack.callback(contender.close)
            self.say(f"{extent.rounds} of each, in turns")
            found = compared(suite, (tasks, one, across), extent, self.say)
            self.say(f"{extent.written} tasks in a row: what is written")
            return Beside(contenders=found, written=written(suite, tasks, extent.written))


def machine() -> Machine:
    """Return where this runs, and how busy it is already."""
    git = ["git", "-C", str(repository()), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    return Machine(
        cpus=os.cpu_count() or 1,
        processor=_processor(),
        memory_gib=psutil.virtual_memory().total / 1024**3,
        system=platform.platform(),
        load_before=os.getloadavg()[0],
        commit=commit,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
