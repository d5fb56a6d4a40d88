"""The suite with its state in Postgres, as the chart has it with `state.type=postgres`.

The components are those of `quartet.runtime.swaps`; the URL of the database stands in them, since
a local sidecar is given no other secrets than its own.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml
from redis import Redis
from sqlalchemy import make_url

from quartet.runtime.layout import DataFolder, repository
from quartet.runtime.manifests import write
from quartet.runtime.redis import OPERATOR, connect
from quartet.runtime.runfile import run_file
from quartet.runtime.shape import Shape, shape_of
from quartet.runtime.suite import running_suite
from quartet.runtime.swaps import on_postgres
from tests.postgres import new_database
from tests.suite.client import PACK, Client
from tests.suite.here import eventually, quiet
from tests.suite.invoices import AMPLE_BOOKS, clean_invoice
from tests.suite.killing import BACK_WITHIN_S, Target, is_back, kill
from tests.suite.running import Running, reachable_folder

pytestmark = [pytest.mark.runtime, pytest.mark.kill, pytest.mark.timeout(300)]
STORES = ("statestore", "conversations", "verdicts")


def database_of(postgres: Path) -> str:
    """Return what reaches a new database, by users other than its owner too."""
    postgres.chmod(0o755)
    url = make_url(new_database(postgres))
    return f"host={postgres} user={url.username} dbname={url.database}"


def swapped(folder: Path, shape: Shape, database: str) -> Path:
    """Write the suite's files with its state stores on a database; return the run file."""
    write(shape, folder)
    for name in STORES:
        path = folder / "components" / f"{name}.yaml"
        store = on_postgres(yaml.safe_load(path.read_text()))
        for one in store["spec"]["metadata"]:
            if one.pop("secretKeyRef", None):
                one["value"] = database
        path.write_text(yaml.safe_dump(store))
    document = run_file(shape, str(repository()))
    document["common"]["resourcesPaths"] = [str(folder / "components")]
    for entry in document["apps"]:
        entry["configFilePath"] = str(folder / entry["configFilePath"])
    path = folder / "dapr.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture(scope="module")
def database(postgres: Path) -> str:
    return database_of(postgres)


@pytest.fixture(scope="module")
def running(database: str) -> Iterator[Running]:
    shape = shape_of(PACK)
    with reachable_folder("in-postgres") as folder:
        data = DataFolder(folder / "data")
        path = swapped(folder / "files", shape, database)
        with running_suite(data, shape, path, quiet) as suite, Client(data) as client:
            for books in AMPLE_BOOKS:
                client.operate("load_books", books)
            yield Running(data, suite, client)


def in_redis(data: DataFolder) -> set[str]:
    """Return the keys of Redis that are no topics."""
    redis: Redis = connect(data, OPERATOR)
    return {str(key) for key in redis.scan_iter() if redis.type(key) != "stream"}


def test_invoices_are_paid_though_a_sidecar_dies_and_nothing_of_it_is_in_redis(
    running: Running, database: str
) -> None:
    tasks = [running.client.pay(clean_invoice()) for _ in range(4)]

    target = Target("sidecar", "coordinator")
    killed = kill(running.data, running.suite, target)
    eventually(lambda: is_back(running.data, running.suite, target, killed), BACK_WITHIN_S)

    assert {running.client.settled(task, 120).state for task in tasks} == {"completed"}
    assert running.ledger_problems() == ()
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT key FROM statestore_state").fetchall()
    histories = {key for (key,) in rows if "||history-" in key}
    assert all(any(task in key for key in histories) for task in tasks)
    assert any("signature" in key for (key,) in rows)
    assert in_redis(running.data) == set()
