"""The tools that a chart is checked with: built once per user, minutes then and nothing after."""

from pathlib import Path

import pytest

from quartet.cli.runtime import progress
from quartet.cluster.tools import ensure_chart_tools
from tests.chart.rendering import Helm
from tests.chart.schemas import schemas


@pytest.fixture(scope="session")
def tools() -> Path:
    return ensure_chart_tools(progress())


@pytest.fixture(scope="session")
def helm(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tools / "helm", tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def kind_schemas() -> Path:
    return schemas()
