"""`python -m bench.capacity`: what a task and a replica cost on a cluster, and a model of more.

Runs where kubectl reaches the cluster (`quartet cluster run -- ...`), against a release that has
stores of its own; loads the bench's books into it and pays invoices.
"""

import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.figures import Machine
from bench.model import SCALED, Cost, Model, Scaled, Shared
from bench.paying import Paying
from bench.released import Release
from bench.session import machine
from bench.usage import Key, Sample, components, grown, samples
from quartet.contracts.base import Contract
from quartet.packs.load import load
from quartet.runtime.errors import SetupError
from quartet.runtime.kube.fetching import fetch
from quartet.runtime.layout import DataFolder
from services.toolbox.ledger import Ledger, open_ledger

STORES, DAPR = ("redis", "postgres"), "dapr-system"
SIDECAR = "daprd"


class Ledgers(Contract):
    """The one sequence of the audit, asked by so many writers at once."""

    writers: int
    appends_per_s: float
    transactions_per_task: float
    """Transactions that append to the audit."""
    records_per_task: float


class Capacity(Contract):
    """All of it: measured figures first, then the model."""

    machine: Machine
    tasks: int
    took_s: float
    tasks_per_s: float
    idle_s: float
    costs: tuple[Cost, ...]
    ledger: tuple[Ledgers, ...]
    connections: int
    max_connections: int
    shared: tuple[Shared, ...]
    model: tuple[Scaled, ...]


def measure(release: Release, tasks: int, idle_s: float) -> Capacity:
    """Measure at rest, under so many tasks at once, and the audit's sequence by itself."""
    here = machine()
    with tempfile.TemporaryDirectory() as folder:
        data = DataFolder(Path(folder))
        fetch(release.name, release.namespace, data)
        with closing(Paying(data, f"http://{release.service('console')}")) as paying:
            events = paying.prepared(tasks)
            resting = _both(release.namespace, time.time())
            time.sleep(idle_s)
            before = _both(release.namespace, time.time())
            head = release.number("quartet_ledger", "SELECT sequence FROM audit_head")
            began = time.monotonic()
            paying.pay(events)
            took = time.monotonic() - began
            after = _both(release.namespace, time.time())
    idle, busy = grown(resting, before), grown(before, after)
    costs = _costs(release, idle, busy, after, tasks)
    ledgers = tuple(_appends(release, writers, head, tasks) for writers in (1, 4, 16))
    shared = _shared(costs, ledgers)
    databases = frozenset(("coordinator", "toolbox", "reader", "console"))
    model = Model(costs, shared, databases)
    return Capacity(
        machine=here,
        tasks=tasks,
        took_s=took,
        tasks_per_s=tasks / took,
        idle_s=idle_s,
        costs=costs,
        ledger=ledgers,
        connections=release.number(
            "postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'quartet%'"
        ),
        max_connections=release.number("postgres", "SHOW max_connections"),
        shared=shared,
        model=tuple(model.scaled(replicas) for replicas in SCALED),
    )


def _both(namespace: str, after: float) -> dict[Key, Sample]:
    return samples(namespace, after) | samples(DAPR, after)


def _costs(
    release: Release,
    idle: dict[Key, tuple[float, float]],
    busy: dict[Key, tuple[float, float]],
    now: dict[Key, Sample],
    tasks: int,
) -> tuple[Cost, ...]:
    """Return the cost of each component: what it used, less what it uses at rest."""
    named = components(release.namespace)
    known = named | components(DAPR)
    made = []
    for component in sorted({known[pod] for pod, _ in busy}):
        cpu: dict[str, float] = {}
        memory: dict[str, float] = {}
        rest = 0.0
        for (pod, container), (took, used) in busy.items():
            if known[pod] != component:
                continue
            part = SIDECAR if container == SIDECAR else "app"
            per_s = idle[pod, container][1] / idle[pod, container][0]
            cpu[part] = cpu.get(part, 0.0) + max(used - per_s * took, 0.0) / tasks
            rest += per_s
            memory[part] = memory.get(part, 0.0) + now[pod, container].memory_mib
        made.append(
            Cost(
                component=component,
                app_cpu_s=cpu.get("app", 0.0),
                sidecar_cpu_s=cpu.get(SIDECAR, 0.0),
                idle_cores=rest,
                memory_mib=memory.get("app", 0.0),
                sidecar_memory_mib=memory.get(SIDECAR, 0.0),
                scales=component in named.values() and component not in STORES,
            )
        )
    return tuple(made)


def _appends(release: Release, writers: int, head: int, tasks: int) -> Ledgers:
    """Append to an audit of its own on the same Postgres, as fast as so many writers can."""
    url = release.scratch()
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(url, Path(folder), load("payables"))
        try:
            each, began = 400 // writers, time.monotonic()
            threads = [
                threading.Thread(target=_append, args=(ledger, each)) for _ in range(writers)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took = time.monotonic() - began
        finally:
            ledger.close()
            release.drop_scratch()
    ours = f"FROM audit WHERE sequence > {head}"
    counted = release.number("quartet_ledger", f"SELECT count(DISTINCT xmin::text) {ours}")
    records = release.number("quartet_ledger", f"SELECT count(*) {ours}")
    return Ledgers(
        writers=writers,
        appends_per_s=each * writers / took,
        transactions_per_task=counted / tasks,
        records_per_task=records / tasks,
    )


def _append(ledger: Ledger, times: int) -> None:
    for number in range(times):
        with ledger.write() as entry:
            entry.record("toolbox", "capacity", None, {"number": number, "says": "x" * 400})


def _shared(costs: tuple[Cost, ...], ledgers: tuple[Ledgers, ...]) -> tuple[Shared, ...]:
    best = max(ledgers, key=lambda one: one.appends_per_s)
    by_name = {cost.component: cost for cost in costs}
    made = [
        Shared(
            name="audit sequence",
            tasks_per_s=best.appends_per_s / best.transactions_per_task,
            how=f"{best.appends_per_s:.0f} appends/s with {best.writers} writers",
        )
    ]
    for name in ("redis", "postgres", "dapr-scheduler-server"):
        if (cost := by_name.get(name)) and cost.cpu_s > 0:
            made.append(Shared(name=name, tasks_per_s=1 / cost.cpu_s, how="one core of CPU"))
    return tuple(made)


def show(found: Capacity, to: Console) -> None:
    """Print the figures that were measured, then the model."""
    to.print(
        f"{found.tasks} invoices at once in {found.took_s:.1f} s: {found.tasks_per_s:.2f} tasks/s; "
        f"load before {found.machine.load_before:.1f}, {found.machine.cpus} cores, "
        f"{found.machine.at}, {found.machine.commit}"
    )
    costs = Table("component", "CPU ms a task", "its sidecar", "idle cores", "MiB", "its sidecar")
    for one in found.costs:
        costs.add_row(
            one.component,
            f"{one.app_cpu_s * 1000:.0f}",
            f"{one.sidecar_cpu_s * 1000:.0f}",
            f"{one.idle_cores:.3f}",
            f"{one.memory_mib:.0f}",
            f"{one.sidecar_memory_mib:.0f}",
        )
    to.print(costs)
    for ledger in found.ledger:
        to.print(
            f"audit sequence, {ledger.writers} writers: {ledger.appends_per_s:.0f} appends/s; "
            f"a task has {ledger.records_per_task:.1f} records in "
            f"{ledger.transactions_per_task:.1f} transactions"
        )
    to.print(f"Postgres: {found.connections} connections of {found.max_connections}")
    for shared in found.shared:
        to.print(f"{shared.name}: {shared.tasks_per_s:.1f} tasks/s at most ({shared.how})")
    model = Table(
        "replicas of each app",
        "apps alone",
        "dearest",
        "limited to",
        "by",
        "cores",
        "GiB",
        "DB connections",
    )
    for row in found.model:
        model.add_row(
            str(row.replicas),
            f"{row.apps_tasks_per_s:.1f}/s",
            row.dearest,
            f"{row.limited_to:.1f}/s",
            row.by,
            f"{row.cores:.1f}",
            f"{row.memory_gib:.1f}",
            str(row.connections),
        )
    to.print(model)


def main(
    *,
    release: Annotated[str, typer.Option(help="The release's name.")] = "quartet",
    namespace: Annotated[str, typer.Option(help="Where it is.")] = "suite",
    tasks: Annotated[int, typer.Option(help="Invoices at once.")] = 60,
    idle_s: Annotated[float, typer.Option(help="Seconds at rest before that.")] = 30.0,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file too.")] = None,
) -> None:
    """Measure what a task and a replica cost, and say what more of them would come to."""
    try:
        found = measure(Release(release, namespace), tasks, idle_s)
    except SetupError as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from problem
    show(found, Console(width=None if sys.stdout.isatty() else 110))
    if json is not None:
        json.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
