"""The pack refunds on the real runtime: started from files generated for it, no service changed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quartet.contracts.base import Fields, Json
from quartet.contracts.view import TaskView
from quartet.packs.load import load
from quartet.policy.texts import policy_file
from quartet.runtime.layout import DataFolder
from quartet.runtime.manifests import run_file_of
from quartet.runtime.shape import shape_of
from quartet.runtime.suite import running_suite
from tests.suite.client import Client
from tests.suite.here import quiet

pytestmark = pytest.mark.runtime


@dataclass(frozen=True)
class Shop:
    """A running suite of the pack refunds, and the policy file that its toolbox reads."""

    data: DataFolder
    client: Client
    policy: Path

    def ask(self, goal: str) -> TaskView:
        """Submit a signed request and wait until it has ended or waits for a person."""
        event = self.client.event(pack="refunds", goal=goal)
        return self.client.settled(self.client.submit(self.client.signed(event)))

    def listed(self, operation: str, name: str, **arguments: Json) -> list[Fields]:
        found = self.client.operate(operation, {**arguments})
        assert isinstance(found, dict)
        items = found[name]
        assert isinstance(items, list)
        return [item for item in items if isinstance(item, dict)]

    def refunds(self) -> list[Fields]:
        return self.listed("list_refunds", "refunds")

    def kinds(self) -> list[str]:
        """The kinds of all audit records."""
        records = self.listed("export_audit", "records", limit=5000)
        return [json.loads(str(r["record"]))["kind"] for r in records]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("refunds")
    data, shape = DataFolder(folder / "data"), shape_of("refunds")
    policy = folder / "policy.cedar"
    shutil.copy(policy_file(load("refunds")), policy)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("QUARTET_POLICY", str(policy))
        run_file = run_file_of(shape, data.root / "manifests")
        with running_suite(data, shape, run_file, quiet), Client(data) as client:
            yield Shop(data, client, policy)


def outcome(task: TaskView) -> tuple[str, str, str | None]:
    last = [o for s in task.subtasks for o in s.outcomes][-1]
    return last.tool, last.status, last.tier


def test_fifty_goes_through_and_a_cent_more_and_twelve_hundred_wait(shop: Shop) -> None:
    wanted = {"50.00": "O-1001", "50.01": "O-1002", "1,200": "O-1003"}

    tasks = [shop.ask(f"Refund {amount} EUR of order {order}.") for amount, order in wanted.items()]

    assert [outcome(t) for t in tasks] == [
        ("refund_order", "applied", "autonomous"),
        ("refund_order", "held", "approve"),
        ("refund_order", "held", "approve"),
    ]
    assert [t.shown for t in tasks] == ["completed", "waiting", "waiting"]
    assert [(r["order"], r["amount"]) for r in shop.refunds()] == [("O-1001", "50.00")]


def test_a_request_is_submitted_by_its_words_alone(shop: Shop) -> None:
    asked = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "quartet"), "submit", "--wait", "--json"),
            *("--goal", "Refund 12.00 EUR of order O-1004.", "--data", str(shop.data.root)),
        ],
        env=os.environ | {"QUARTET_PACK": "refunds"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    (task,) = json.loads(asked.stdout)["tasks"]
    assert task["state"] == "completed"
    assert ("O-1004", "12.00") in [(r["order"], r["amount"]) for r in shop.refunds()]


def test_without_its_policy_the_toolbox_carries_out_nothing(shop: Shop) -> None:
    before, text = shop.refunds(), shop.policy.read_text()

    shop.policy.unlink()
    task = shop.ask("Refund 9.00 EUR of order O-1002.")

    assert task.state == "failed"
    assert task.failure is not None
    assert task.failure.title == "NoPolicy"
    assert shop.refunds() == before

    shop.policy.write_text(text)
    assert outcome(shop.ask("Refund 9.00 EUR of order O-1002."))[1] == "applied"
    assert "policy-changed" in shop.kinds()
