"""What a run of the bench found, as plain data for tables and JSON; nothing is measured here."""

from collections.abc import Sequence
from statistics import median

from pydantic import Field

from quartet.contracts.base import Contract


class Latency(Contract):
    """How long tasks took, one after another."""

    tasks: int
    p50_ms: float
    p90_ms: float
    max_ms: float
    over_1s: int


def latency_of(seconds: Sequence[float]) -> Latency:
    """Return the spread of some durations; there is at least one."""
    ordered = sorted(seconds)
    return Latency(
        tasks=len(ordered),
        p50_ms=median(ordered) * 1000,
        p90_ms=ordered[min(int(len(ordered) * 0.9), len(ordered) - 1)] * 1000,
        max_ms=ordered[-1] * 1000,
        over_1s=sum(one > 1 for one in ordered),
    )


class Burst(Contract):
    """Tasks submitted at once; CPU is net of what the suite uses when idle."""

    tasks: int
    completed: int
    per_s: float
    latency: Latency
    cpu_ms: dict[str, float]
    """CPU milliseconds per task by kind of process."""


class Steps(Contract):
    """Durable steps in the histories of one task, all instances together."""

    activities: int = 0
    child_workflows: int = 0
    workflows_by_event: int = 0
    """Instances that no workflow of the task started: reviews, begun by an event."""
    timers: int = 0
    events: int = 0
    total: int
    """Every one of them."""


class Size(Contract):
    """What one task leaves behind."""

    history_bytes: int
    """Values of the history and metadata keys of its instances."""
    instances_redis_bytes: int
    """Redis memory of all keys of its instances."""
    state_redis_bytes: int = 0
    """Redis memory of its conversations and verdicts."""
    broker_bytes: int = 0
    """Its entries in the topics' streams."""
    rows: dict[str, int] = Field(default_factory=dict)
    """SQL rows by database, net of its document."""


class Written(Contract):
    """Bytes that tasks in a row made grow, per task."""

    tasks: int
    append_only_bytes: int
    """Redis' append-only file; all that was ever written, overwritten values too."""
    sql_bytes: dict[str, int]


class Contender(Contract):
    """One of the tasks that are compared, on the same control plane at the same time."""

    name: str
    latency: Latency
    steps: Steps
    size: Size
    burst: Burst


class ModelTime(Contract):
    """A clean invoice when each completion takes so long at the provider."""

    tasks: int
    wait_ms: float
    calls: float
    """Completions per task."""
    model_ms: float
    latency: Latency
    overhead_ms: float
    """Median of latency less the provider's own time."""


class Growth(Contract):
    """A task whose plan has ``width`` independent subtasks of kind read-invoice."""

    width: int
    latency: Latency
    steps: Steps
    size: Size


class Memory(Contract):
    """Processes of one kind; ``pss`` counts a page that n processes share as 1/n."""

    processes: int
    rss_mib: float
    pss_mib: float


class Starting(Contract):
    """Seconds from nothing running to every app and sidecar answering."""

    first_s: float | None = None
    second_s: float | None = None


class Machine(Contract):
    """Where and when."""

    cpus: int
    processor: str
    memory_gib: float
    system: str
    load_before: float
    load_after: float = 0.0
    commit: str
    at: str


class Alone(Contract):
    """What was found of the suite as it is."""

    starting: Starting
    memory: dict[str, Memory]
    idle_cores: float
    """Cores in use while nothing is asked of it."""
    model_time: ModelTime
    growth: tuple[Growth, ...]


class Beside(Contract):
    """What was found side by side with the reference."""

    contenders: tuple[Contender, ...]
    """The suite's task first, then the bare one in one app, then across apps."""
    written: Written


class GateTime(Contract):
    """The gate in process: token, schema, chain, labels, policy, record of the intent."""

    rules: int
    calls: int
    p50_ms: float
    p99_ms: float


class Held(Contract):
    """What the services take while so many tasks wait for a person."""

    tasks: int
    pss_mib: float
    threads: int


class Governed(Contract):
    """What governance costs, beside the same toolbox with its gate open, in turns."""

    gate: GateTime
    commit: Latency
    """Of `commit` at the coordinator, one task at a time: both sidecars, gate, transaction."""
    commit_in_batch: Latency
    """The same while a batch is under way: commits wait for each other and for a core."""
    governed: Latency
    open: Latency
    batch: int
    governed_batch_s: tuple[float, ...]
    open_batch_s: tuple[float, ...]
    verified_per_s: float
    """Audit records verified a second, offline."""
    held: tuple[Held, ...]
    """None, then more and more."""


class Report(Contract):
    """Everything that one run found."""

    machine: Machine
    command: str
    alone: Alone | None = None
    """None, as is ``beside``, where only governance was measured."""
    beside: Beside | None = None
    governed: Governed
