"""The one suite that all tests of this folder share; it is started once and stopped after them."""

from collections.abc import Iterator

import pytest

from tests.suite.client import Client
from tests.suite.running import Running, running_product


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run the whole product."""
    with running_product(tmp_path_factory.mktemp("shared")) as product:
        yield product


@pytest.fixture
def client(running: Running) -> Client:
    """Return a client of it."""
    return running.client
