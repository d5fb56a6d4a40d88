"""The chart under its three checkers: lint, unit tests, and the schemas of every kind."""

import subprocess
from pathlib import Path

import pytest

from tests.chart.rendering import CHART, SCENARIOS, Helm, values_file


def conform(tools: Path, schemas: Path, text: str) -> "subprocess.CompletedProcess[str]":
    """Hold documents against the schemas; a kind without a schema is an error."""
    location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    return subprocess.run(
        [tools / "kubeconform", "-strict", "-summary", "-schema-location", location],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def test_there_are_values_for_development_production_and_ci() -> None:
    assert {"development", "production", "ci"} <= set(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_lint_finds_nothing(helm: Helm, scenario: str) -> None:
    done = helm.run("lint", "--strict", str(CHART), "-f", str(values_file(scenario)))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 chart(s) linted, 0 chart(s) failed" in done.stdout


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_object_is_one_that_its_kind_allows(
    helm: Helm, tools: Path, kind_schemas: Path, scenario: str
) -> None:
    text = helm.text("-f", str(values_file(scenario)))
    count = len(helm.template("-f", str(values_file(scenario))).documents)

    done = conform(tools, kind_schemas, text)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{count} resources found" in done.stdout
    assert f"Valid: {count}, Invalid: 0, Errors: 0, Skipped: 0" in done.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("readOnlyRootFilesystem:", "readonlyRootFilesystem:"),
        ("maxUnavailable: 0", "maxUnavailabel: 0"),
        ("secretKeyRef:\n", "secretRef:\n"),
        ("defaultAction: deny", "defaultActoin: deny"),
    ],
)
def test_a_slip_in_a_field_of_kubernetes_or_dapr_is_found(
    helm: Helm, tools: Path, kind_schemas: Path, right: str, wrong: str
) -> None:
    text = helm.text("-f", str(values_file("ci")))
    assert right in text

    done = conform(tools, kind_schemas, text.replace(right, wrong, 1))

    assert done.returncode != 0
    assert "Invalid: 1" in done.stdout


def test_the_charts_own_unit_tests_pass(tools: Path) -> None:
    done = subprocess.run(
        [tools / "helm-unittest", "--strict", str(CHART)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    suites = len(list(CHART.glob("tests/*_test.yaml")))
    assert f"{suites} passed, {suites} total" in done.stdout
    assert suites > 0
