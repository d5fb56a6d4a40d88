"""What the chart says of state in Postgres and of metrics, done by a real sidecar of Dapr."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
import yaml
from sqlalchemy import make_url

from quartet.runtime.build import RUNTIME
from quartet.runtime.gobuild import module_folder
from quartet.sidecar.client import Sidecar, SidecarState
from tests.chart.real_sidecar import Ports, sidecar
from tests.chart.rendering import Helm, values_file
from tests.chart.sources import exported
from tests.postgres import new_database

STORES = ("statestore", "conversations", "verdicts")


@dataclass(frozen=True)
class Critic:
    """A sidecar of the critic with the chart's stores, on a Postgres database."""

    client: Sidecar
    ports: Ports
    database: str

    def store(self, name: str) -> SidecarState:
        """Return one of its stores, as the critic itself uses it."""
        return SidecarState(self.client, name)


@pytest.fixture(scope="module")
def critic(
    helm: Helm, postgres: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Critic]:
    folder = tmp_path_factory.mktemp("sidecar")
    components = helm.template("-f", str(values_file("production-kafka"))).of("Component")
    for name in (*STORES, "secretstore"):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(components[name]))
    url = make_url(new_database(postgres))
    where = f"host={postgres} user={url.username} dbname={url.database}"
    with sidecar("critic", folder, {"QUARTET_STATE_URL": where}) as ports:
        client = Sidecar("critic", ports.http)
        yield Critic(client, ports, where)
        client.close()


def test_each_store_keeps_its_state_in_tables_of_its_own(critic: Critic) -> None:
    critic.store("conversations").put("task-1", {"said": "hello"})
    critic.store("verdicts").put("task-1", "accept")

    assert critic.store("conversations").get("task-1") == {"said": "hello"}
    assert critic.store("verdicts").get("task-1") == "accept"
    with psycopg.connect(critic.database) as connection:
        rows = connection.execute("SELECT key FROM conversations_state").fetchall()
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = {name for (name,) in tables}
    assert rows == [("critic||task-1",)]
    assert {f"{one}_state" for one in STORES} <= names


def test_the_first_writer_of_a_key_wins_as_on_redis(critic: Critic) -> None:
    verdicts = critic.store("verdicts")

    assert verdicts.put_first("task-2", "accept") == "accept"
    assert verdicts.put_first("task-2", "reject") == "accept"
    assert verdicts.get("task-2") == "accept"


def test_the_state_of_workflows_is_an_actor_store_with_transactions(critic: Critic) -> None:
    told = httpx.get(f"http://127.0.0.1:{critic.ports.http}/v1.0/metadata").json()
    (store,) = (one for one in told["components"] if one["name"] == "statestore")

    assert (store["type"], store["version"]) == ("state.postgresql", "v2")
    assert {"ACTOR", "TRANSACTIONAL", "ETAG"} <= set(store["capabilities"])


def test_metrics_have_the_names_and_labels_that_alerts_are_checked_against(critic: Critic) -> None:
    critic.store("conversations").put("task-3", 1)

    shown = httpx.get(f"http://127.0.0.1:{critic.ports.metrics}/").text

    declared = exported(module_folder(RUNTIME, "github.com/dapr/dapr"))
    samples = re.findall(r"^(dapr_\w+)\{([^}]*)\}", shown, re.MULTILINE)
    found = {name: set(re.findall(r'(\w+)="', labels)) for name, labels in samples}
    both = found.keys() & declared.keys()
    assert {"dapr_component_state_count", "dapr_component_state_latencies_bucket"} <= both
    for name in both:
        assert found[name] == declared[name], name
    assert re.search(
        r'dapr_component_state_count\{app_id="critic",component="conversations",'
        r'namespace="",operation="set",success="true"\} [1-9]',
        shown,
    )
