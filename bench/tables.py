"""A report as tables for people; the figures come from elsewhere."""

from collections.abc import Iterator, Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.figures import Alone, Beside, Contender, Governed, Growth, ModelTime, Report

AIM = 1.25


def show(report: Report, console: Console) -> None:
    """Print every table."""
    for table in tables(report):
        console.print(table)
        console.print()
    here = report.machine
    console.print(
        f"{here.cpus} x {here.processor}, {here.memory_gib:.0f} GiB, {here.system}; load "
        f"{here.load_before:.1f} before, {here.load_after:.1f} after; {here.commit}, {here.at}; "
        f"`{report.command}`"
    )


def tables(report: Report) -> Iterator[Table]:
    """Yield the tables in the order to read them."""
    if report.beside is not None:
        contenders = report.beside.contenders
        yield _compared(contenders)
        yield _steps(contenders)
        yield _cpu(contenders)
        yield _left_behind(report.beside)
    if report.alone is not None:
        yield _model_time(report.alone.model_time)
        yield _growth(report.alone.growth)
        yield _memory(report.alone)
    yield _governed(report.governed)


def _compared(contenders: Sequence[Contender]) -> Table:
    table = _table("Beside the bare task of 8 steps (one after another, then at once)", contenders)
    bare = contenders[1]
    rows: list[tuple[str, list[str]]] = [
        ("durable steps", [f"{c.steps.total}" for c in contenders]),
        ("latency p50, ms", [f"{c.latency.p50_ms:.0f}" for c in contenders]),
        ("latency p90, ms", [f"{c.latency.p90_ms:.0f}" for c in contenders]),
        ("latency max, ms", [f"{c.latency.max_ms:.0f}" for c in contenders]),
        ("over 1 s", [f"{c.latency.over_1s} of {c.latency.tasks}" for c in contenders]),
        ("p50 / bare", [f"{c.latency.p50_ms / bare.latency.p50_ms:.2f}" for c in contenders]),
        ("p50 per step, ms", [f"{step_ms(c):.1f}" for c in contenders]),
        (f"per step / bare (aim {AIM})", [f"{step_ms(c) / step_ms(bare):.2f}" for c in contenders]),
        (
            "... / bare across apps",
            [f"{step_ms(c) / step_ms(contenders[2]):.2f}" for c in contenders],
        ),
        ("at once", [f"{c.burst.completed} of {c.burst.tasks} done" for c in contenders]),
        ("tasks per second", [f"{c.burst.per_s:.1f}" for c in contenders]),
        ("latency at once p50, ms", [f"{c.burst.latency.p50_ms:.0f}" for c in contenders]),
        ("CPU per task, ms", [f"{cpu_ms(c):.0f}" for c in contenders]),
        ("CPU per step, ms", [f"{cpu_ms(c) / c.steps.total:.1f}" for c in contenders]),
        ("CPU per step / bare", [f"{cpu_ratio(c, bare):.2f}" for c in contenders]),
    ]
    for title, cells in rows:
        table.add_row(title, *cells)
    return table


def step_ms(one: Contender) -> float:
    """Return the median latency per durable step."""
    return one.latency.p50_ms / max(one.steps.total, 1)


def cpu_ms(one: Contender) -> float:
    """Return the CPU milliseconds per task."""
    return sum(one.burst.cpu_ms.values())


def cpu_ratio(one: Contender, bare: Contender) -> float:
    """Return CPU per step over that of the bare task."""
    of_bare = cpu_ms(bare) / max(bare.steps.total, 1)
    return cpu_ms(one) / max(one.steps.total, 1) / of_bare if of_bare else 0.0


def _steps(contenders: Sequence[Contender]) -> Table:
    table = _table("Durable steps of one task", contenders)
    for title, name in (
        ("activities", "activities"),
        ("child workflows", "child_workflows"),
        ("workflows begun by an event", "workflows_by_event"),
        ("external events", "events"),
        ("timers", "timers"),
    ):
        table.add_row(title, *(f"{getattr(c.steps, name)}" for c in contenders))
    return table


def _cpu(contenders: Sequence[Contender]) -> Table:
    table = _table("CPU per task, ms, at once, net of idle", contenders)
    for kind in contenders[0].burst.cpu_ms:
        table.add_row(kind, *(f"{c.burst.cpu_ms.get(kind, 0):.1f}" for c in contenders))
    return table


def _left_behind(beside: Beside) -> Table:
    contenders, wrote = beside.contenders, beside.written
    table = _table("What one task leaves behind", contenders)
    rows = (
        ("history, bytes", [c.size.history_bytes for c in contenders]),
        ("its Redis memory", [c.size.instances_redis_bytes for c in contenders]),
        ("conversations and verdicts", [c.size.state_redis_bytes for c in contenders]),
        ("entries of topics, bytes", [c.size.broker_bytes for c in contenders]),
    )
    for title, counts in rows:
        table.add_row(title, *(f"{count:,}" for count in counts))
    for name in contenders[0].size.rows:
        table.add_row(f"SQL rows, {name}", *(f"{c.size.rows.get(name, 0)}" for c in contenders))
    for name, count in wrote.sql_bytes.items():
        table.add_row(f"SQL bytes, {name}", f"{count:,}")
    table.add_row("append-only file, bytes", f"{wrote.append_only_bytes:,}")
    return table


def _model_time(found: ModelTime) -> Table:
    table = Table(title=f"At {found.wait_ms:.0f} ms a completion", title_justify="left")
    for title in (
        "tasks",
        "completions",
        "model's own time, ms",
        "latency p50, ms",
        "overhead, ms",
    ):
        table.add_column(title, justify="right")
    table.add_row(
        f"{found.tasks}",
        f"{found.calls:.0f}",
        f"{found.model_ms:.0f}",
        f"{found.latency.p50_ms:.0f}",
        f"{found.overhead_ms:.0f}",
    )
    return table


def _growth(found: Sequence[Growth]) -> Table:
    title = "Plans of so many independent subtasks (each read and reviewed)"
    table = Table(title=title, title_justify="left")
    for column in (
        "width",
        "tasks",
        "p50, ms",
        "ms a subtask",
        "steps",
        "history",
        "Redis",
        "SQL rows",
    ):
        table.add_column(column, justify="right")
    for one in found:
        table.add_row(
            f"{one.width}",
            f"{one.latency.tasks}",
            f"{one.latency.p50_ms:.0f}",
            f"{one.latency.p50_ms / one.width:.0f}",
            f"{one.steps.total}",
            f"{one.size.history_bytes:,}",
            f"{one.size.instances_redis_bytes + one.size.state_redis_bytes:,}",
            f"{sum(one.size.rows.values())}",
        )
    return table


def _memory(alone: Alone) -> Table:
    table = Table(title="Starting, memory, idle", title_justify="left")
    for column in ("", "processes", "RSS, MiB", "PSS, MiB"):
        table.add_column(column, justify="right" if column else "left")
    for kind, used in alone.memory.items():
        table.add_row(kind, f"{used.processes}", f"{used.rss_mib:.0f}", f"{used.pss_mib:.0f}")
    table.add_row(
        "all",
        f"{sum(m.processes for m in alone.memory.values())}",
        f"{sum(m.rss_mib for m in alone.memory.values()):.0f}",
        f"{sum(m.pss_mib for m in alone.memory.values()):.0f}",
        end_section=True,
    )
    for name, seconds in (("first", alone.starting.first_s), ("second", alone.starting.second_s)):
        if seconds is not None:
            table.add_row(f"{name} start to ready", f"{seconds:.1f} s")
    table.add_row("CPU when idle", f"{alone.idle_cores:.2f} cores")
    return table


def _table(title: str, contenders: Sequence[Contender]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for one in contenders:
        table.add_column(one.name, justify="right")
    return table


def _governed(found: Governed) -> Table:
    table = Table(title="What governance costs", title_justify="left")
    table.add_column("")
    table.add_column("found", justify="right")
    table.add_column("aim", justify="right")
    gate = found.gate
    batch, open_batch = median(found.governed_batch_s), median(found.open_batch_s)
    rows = (
        (
            f"gate in process, {gate.rules} rules, p50 / p99, ms",
            f"{gate.p50_ms:.2f} / {gate.p99_ms:.2f}",
            "p99 1",
        ),
        (
            "commit, durable, through both sidecars, one at a time, p50 / p90, ms",
            f"{found.commit.p50_ms:.1f} / {found.commit.p90_ms:.1f}",
            "p50 10",
        ),
        (
            f"the same while a batch of {found.batch} is under way",
            f"{found.commit_in_batch.p50_ms:.1f} / {found.commit_in_batch.p90_ms:.1f}",
            "",
        ),
        ("audit records verified a second", f"{found.verified_per_s:,.0f}", "50,000"),
        (
            "one task p50, governed / gate open, ms",
            _ratio(found.governed.p50_ms, found.open.p50_ms, 0),
            "",
        ),
        (
            f"batch of {found.batch}, governed / gate open, s",
            _ratio(batch, open_batch, 1),
            "",
        ),
        *(
            (
                f"{held.tasks} held tasks: services' PSS, MiB; threads",
                f"{held.pss_mib:.0f}; {held.threads}",
                "",
            )
            for held in found.held
        ),
    )
    for row in rows:
        table.add_row(*row)
    return table


def _ratio(one: float, other: float, places: int) -> str:
    return f"{one:.{places}f} / {other:.{places}f} = {one / other:.2f}"
