"""What so many replicas could do, by arithmetic on measured figures; nothing is measured here."""

from dataclasses import dataclass

from quartet.contracts.base import Contract

CONNECTIONS_EACH = 15
"""A service's pool: five connections and ten more when it is busy (SQLAlchemy's default)."""
SCALED = (10, 100, 1000)


class Cost(Contract):
    """What one component costs: CPU a task by container, and memory of one pod."""

    component: str
    app_cpu_s: float
    sidecar_cpu_s: float
    idle_cores: float
    memory_mib: float
    sidecar_memory_mib: float
    scales: bool
    """Whether more replicas share its work."""

    @property
    def cpu_s(self) -> float:
        """CPU seconds a task, app and sidecar together."""
        return self.app_cpu_s + self.sidecar_cpu_s


class Shared(Contract):
    """What does not scale with replicas, and how many tasks a second it lets through."""

    name: str
    tasks_per_s: float
    how: str


class Scaled(Contract):
    """One row of the model: so many replicas of each app, each with a core of its own."""

    replicas: int
    apps_tasks_per_s: float
    """What the apps could do if nothing else stood in the way: the dearest of them decides."""
    dearest: str
    limited_to: float
    by: str
    cores: float
    """Used at that rate by apps, sidecars and what they share."""
    memory_gib: float
    connections: int


@dataclass(frozen=True)
class Model:
    """Costs of components, limits of what they share."""

    costs: tuple[Cost, ...]
    shared: tuple[Shared, ...]
    with_database: frozenset[str]

    def scaled(self, replicas: int) -> Scaled:
        """Return what so many replicas of each app come to."""
        apps = [cost for cost in self.costs if cost.scales]
        dearest = max(apps, key=lambda cost: cost.cpu_s)
        could = replicas / dearest.cpu_s
        least = min(self.shared, key=lambda one: one.tasks_per_s)
        limited = min(could, least.tasks_per_s)
        idle = sum(c.idle_cores * (replicas if c.scales else 1) for c in self.costs)
        memory = sum(
            (c.memory_mib + c.sidecar_memory_mib) * (replicas if c.scales else 1)
            for c in self.costs
        )
        return Scaled(
            replicas=replicas,
            apps_tasks_per_s=could,
            dearest=dearest.component,
            limited_to=limited,
            by=least.name if least.tasks_per_s < could else dearest.component,
            cores=limited * sum(cost.cpu_s for cost in self.costs) + idle,
            memory_gib=memory / 1024,
            connections=CONNECTIONS_EACH * replicas * len(self.with_database),
        )
