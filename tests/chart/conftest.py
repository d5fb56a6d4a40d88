"""The tools that a chart is checked with: built once per user, minutes then and nothing after."""

from pathlib import Path

import pytest

from quartet.cli.runtime import progress
from quartet.cluster.tools import ensure_chart_tools
from tests.chart.rendering import Helm
from tests.chart.schemas import schemas

_WHILE_BUILDING_S = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give whichever test comes first the time that building takes."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(_WHILE_BUILDING_S))


@pytest.fixture(scope="session")
def tools() -> Path:
    return ensure_chart_tools(progress())


@pytest.fixture(scope="session")
def helm(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tools / "helm", tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def kind_schemas() -> Path:
    return schemas()
