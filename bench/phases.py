"""The measurements, each on a suite that runs already; what is compared is run in turns."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import yaml

from bench.endpoint import WIDE, Endpoint
from bench.extent import Extent
from bench.figures import Burst, Contender, Growth, ModelTime, Written, latency_of
from bench.footprint import Footprint, sql_bytes
from bench.processes import cpu_seconds
from bench.runs import Contender as Runnable
from bench.runs import Run, Tasks, run_one, took
from bench.starting import Say, Started


def idle_cores(started: Started, seconds: float) -> dict[str, float]:
    """Return how many cores each kind of process uses while nothing is asked of the suite."""
    before, begun = cpu_seconds(started), time.monotonic()
    time.sleep(seconds)
    after, passed = cpu_seconds(started), time.monotonic() - begun
    return {kind: (after[kind] - before.get(kind, 0)) / passed for kind in after}


def warm_up(contenders: Sequence[Runnable], times: int) -> None:
    """Run each a few times, so that connections, actors and caches are there."""
    for _ in range(times):
        for one in contenders:
            run_one(one)


def in_turns(contenders: Sequence[Runnable], rounds: int, say: Say) -> dict[str, list[Run]]:
    """Run one of each, again and again: what disturbs the machine disturbs them alike."""
    runs: dict[str, list[Run]] = {one.name: [] for one in contenders}
    for number in range(rounds):
        for one in contenders:
            runs[one.name].append(run_one(one))
        if (number + 1) % 20 == 0:
            say(f"{number + 1} of {rounds} rounds, one of each in turn")
    return runs


def burst(started: Started, one: Runnable, times: int, idle: dict[str, float]) -> Burst:
    """Run so many at once."""
    go = one.prepare(times)
    before, clock = cpu_seconds(started), time.monotonic()
    runs = go()
    after, passed = cpu_seconds(started), time.monotonic() - clock
    span = max(run.ended for run in runs) - min(run.begun for run in runs)
    return Burst(
        tasks=times,
        completed=sum(run.completed for run in runs),
        per_s=times / span,
        latency=latency_of(took(runs)),
        cpu_ms={
            kind: max(after[kind] - before.get(kind, 0) - idle.get(kind, 0) * passed, 0)
            / times
            * 1000
            for kind in after
        },
    )


def compared(
    started: Started, contenders: Sequence[Runnable], extent: Extent, say: Say
) -> tuple[Contender, ...]:
    """Compare contenders: one after another in turns, then so many at once, each on its own."""
    warm_up(contenders, min(extent.rounds, 5))
    runs = in_turns(contenders, extent.rounds, say)
    footprint = Footprint(started)
    left = {one.name: footprint.of(runs[one.name][-1].id) for one in contenders}
    footprint.close()
    idle = idle_cores(started, extent.idle_s)
    found = []
    for one in contenders:
        say(f"{extent.at_once} at once: {one.name}")
        steps, size = left[one.name]
        found.append(
            Contender(
                name=one.name,
                latency=latency_of(took(runs[one.name])),
                steps=steps,
                size=size,
                burst=burst(started, one, extent.at_once, idle),
            )
        )
    return tuple(found)


def written(started: Started, one: Runnable, times: int) -> Written:
    """Measure by how much files grow for each task."""
    footprint = Footprint(started)
    before, log = sql_bytes(started), footprint.append_only_bytes()
    for _ in range(times):
        run_one(one)
    after = sql_bytes(started)
    grown = footprint.append_only_bytes() - log
    footprint.close()
    return Written(
        tasks=times,
        append_only_bytes=grown // times,
        sql_bytes={name: (after[name] - before[name]) // times for name in after},
    )


def model_time(endpoint: Endpoint, one: Runnable, rounds: int, wait_s: float) -> ModelTime:
    """Measure tasks whose provider takes its time; all completions of one are in sequence."""
    run_one(one)
    endpoint.wait_s = wait_s
    endpoint.taken()
    latencies, spent, calls = [], [], 0
    for _ in range(rounds):
        latencies.append(run_one(one).took)
        taken = endpoint.taken()
        spent.append(sum(taken))
        calls += len(taken)
    endpoint.wait_s = 0.0
    pairs = zip(latencies, spent, strict=True)
    return ModelTime(
        tasks=rounds,
        wait_ms=wait_s * 1000,
        calls=calls / rounds,
        model_ms=median(spent) * 1000,
        latency=latency_of(latencies),
        overhead_ms=median(whole - models for whole, models in pairs) * 1000,
    )


def growth(started: Started, tasks: Tasks, width: int, times: int) -> Growth:
    """Measure tasks whose plan is so wide."""
    wide = replace(tasks, goal=WIDE.format(width=width))
    latencies, last = [], ""
    for _ in range(times):
        run = run_one(wide)
        latencies.append(run.took)
        last = run.id
    wide.close()
    footprint = Footprint(started)
    steps, size = footprint.of(last)
    footprint.close()
    return Growth(width=width, latency=latency_of(latencies), steps=steps, size=size)


def models_file(folder: Path, endpoint: Endpoint) -> Path:
    """Write the models.yaml that sends every completion to the endpoint."""
    path = folder / "models.yaml"
    provider = {"kind": "openai", "base_url": endpoint.base_url}
    route = {"skills": "*", "provider": "endpoint", "model": "bench-1"}
    path.write_text(yaml.safe_dump({"providers": {"endpoint": provider}, "routes": [route]}))
    return path
