"""The one suite that all tests of this folder share; it is started once and stopped after them."""

from collections.abc import Iterator

import pytest

from tests.suite.client import Client
from tests.suite.running import Running, reachable_folder, running_product


@pytest.fixture(scope="package")
def running() -> Iterator[Running]:
    """Run the whole product."""
    with reachable_folder("shared") as folder, running_product(folder) as product:
        yield product


@pytest.fixture
def client(running: Running) -> Client:
    """Return a client of it."""
    return running.client
