"""Names that only Dapr or KEDA know, held against their sources: a slip would not be told."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from quartet.runtime.build import RUNTIME
from quartet.runtime.gobuild import module_folder
from tests.chart.rendering import CHART, SCENARIOS, Helm, Rendered, values_file
from tests.chart.schemas import SOURCES
from tests.chart.sources import exported

OF_THE_RUNTIME = {
    "state": {"actorStateStore", "keyPrefix"},
    "pubsub": {"allowedTopics", "protectedTopics", "publishingScopes", "subscriptionScopes"},
    "secretstores": set(),
}
"""Metadata that Dapr itself reads, whatever the component."""


def release_of(helm: Helm, scenario: str) -> Rendered:
    return helm.template("-f", str(values_file(scenario)))


@pytest.fixture(scope="module")
def contrib() -> Path:
    return module_folder(RUNTIME, "github.com/dapr/components-contrib")


@pytest.fixture(scope="module")
def dapr() -> Path:
    return module_folder(RUNTIME, "github.com/dapr/dapr")


def names_in(listed: Any) -> set[str]:
    return {one["name"] for one in listed or ()}


def described(contrib: Path, kind: str, version: str) -> tuple[set[str], dict[str, list[str]]]:
    """Return the metadata that a component takes, and the values where they are listed."""
    family, _, name = kind.partition(".")
    folder = contrib / family / name.replace(".", "/")
    own = folder / version / "metadata.yaml"
    path = own if own.is_file() else folder / "metadata.yaml"
    about = yaml.safe_load(path.read_text(encoding="utf-8"))
    profiles = about.get("authenticationProfiles") or []
    listed = [*(about.get("metadata") or []), *(m for p in profiles for m in p["metadata"])]
    choices: dict[str, list[str]] = {}
    for one in listed:
        for value in one.get("allowedValues", ()):
            choices.setdefault(one["name"], []).append(str(value).strip('"'))
    return names_in(listed) | {alias for one in listed for alias in one.get("aliases", ())}, choices


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_components_take_the_metadata_that_they_are_given(
    helm: Helm, contrib: Path, scenario: str
) -> None:
    components = release_of(helm, scenario).of("Component")

    assert len(components) == 5
    for name, one in components.items():
        kind, version = one["spec"]["type"], one["spec"]["version"]
        known, choices = described(contrib, kind, version)
        runtime = OF_THE_RUNTIME[kind.partition(".")[0]]
        given = {item["name"]: item.get("value") for item in one["spec"]["metadata"]}
        assert set(given) <= known | runtime, name
        for key in set(given) & set(choices):
            assert given[key] in choices[key], f"{name}: {key}"


OF_THE_SCRAPE = {"namespace", "job", "pod"}
"""Labels that Prometheus gives to whatever it scrapes."""


def selected(expression: str) -> list[tuple[str, set[str]]]:
    """Return each metric of an expression with the labels it is selected by."""
    found = re.findall(r"\b(dapr_\w+|up)\{([^}]*)\}", expression)
    return [(name, set(re.findall(r"(\w+)=", matchers))) for name, matchers in found]


def grouped(expression: str) -> set[str]:
    return {
        label.strip()
        for labels in re.findall(r"\bby \(([^)]*)\)", expression)
        for label in labels.split(",")
    }


def expressions() -> list[str]:
    """Return all expressions of alerts and dashboard."""
    groups = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))
    board = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
    return [
        *(rule["expr"] for group in groups for rule in group["rules"]),
        *(target["expr"] for panel in board["panels"] for target in panel["targets"]),
    ]


@pytest.mark.parametrize("expression", expressions())
def test_alerts_and_dashboard_ask_for_metrics_and_labels_that_dapr_exports(
    dapr: Path, expression: str
) -> None:
    metrics = exported(dapr) | {"up": set()}
    asked = selected(expression)

    assert asked
    assert expression.count("dapr_") + expression.count("up{") == len(asked)
    for name, labels in asked:
        assert name in metrics, name
        assert labels <= metrics[name] | OF_THE_SCRAPE, name
        assert grouped(expression) <= metrics[name] | OF_THE_SCRAPE, name


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("failed", "pkg/diagnostics/workflow_monitoring.go"),
        ("success", "pkg/diagnostics/workflow_monitoring.go"),
        ("reject", "pkg/diagnostics/workflow_monitoring.go"),
        ("dapr-metrics", "pkg/injector/consts/consts.go"),
    ],
)
def test_values_of_labels_are_those_that_dapr_gives(dapr: Path, value: str, where: str) -> None:
    assert f'= "{value}"' in (dapr / where).read_text(encoding="utf-8")


def test_keda_knows_what_its_triggers_are_given(helm: Helm) -> None:
    (source,) = (one for one in SOURCES if one.module.startswith("github.com/kedacore"))
    scalers = source.folder() / "pkg" / "scalers"
    files = {
        "redis-streams": ("redis_streams_scaler.go", "redis_scaler.go"),
        "kafka": ("kafka_scaler.go",),
        "cpu": ("cpu_memory_scaler.go",),
    }
    seen = set()
    for more in ((), ("--set", "broker.type=redis,redis.host=r:6379,redis.existingSecret=r")):
        scaled = helm.template("-f", str(values_file("production-kafka")), *more)
        for one in scaled.of("ScaledObject").values():
            for trigger in one["spec"]["triggers"]:
                texts = [(scalers / name).read_text() for name in files[trigger["type"]]]
                tags = " ".join(re.findall(r'keda:"name=([\w;]+)', " ".join(texts)))
                assert set(trigger["metadata"]) <= set(re.split("[ ;]", tags)), trigger
                seen.add(trigger["type"])

    assert seen == set(files)
