"""The arithmetic of the capacity model."""

from bench.model import Cost, Model, Shared


def cost(component: str, cpu_s: float, *, scales: bool = True) -> Cost:
    return Cost(
        component=component,
        app_cpu_s=cpu_s / 2,
        sidecar_cpu_s=cpu_s / 2,
        idle_cores=0.01,
        memory_mib=100,
        sidecar_memory_mib=28,
        scales=scales,
    )


def model(ledger_per_s: float) -> Model:
    costs = (cost("coordinator", 0.2), cost("critic", 0.1), cost("redis", 0.02, scales=False))
    shared = (
        Shared(name="ledger", tasks_per_s=ledger_per_s, how="told"),
        Shared(name="redis", tasks_per_s=1000, how="told"),
    )
    return Model(costs, shared, frozenset(("coordinator",)))


def test_the_dearest_app_decides_as_long_as_nothing_shared_is_slower() -> None:
    scaled = model(ledger_per_s=60).scaled(10)

    assert (scaled.limited_to, scaled.by) == (50, "coordinator")
    assert round(scaled.cores, 3) == round(50 * 0.32 + 0.01 * 21, 3)


def test_what_is_shared_limits_however_many_replicas_there_are() -> None:
    scaled = model(ledger_per_s=60).scaled(1000)

    assert (scaled.apps_tasks_per_s, scaled.limited_to, scaled.by) == (5000, 60, "ledger")


def test_memory_and_connections_grow_with_the_apps_and_not_with_the_stores() -> None:
    scaled = model(ledger_per_s=60).scaled(100)

    assert scaled.memory_gib == 128 * 201 / 1024
    assert scaled.connections == 1500
