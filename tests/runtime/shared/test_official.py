"""The official example e-invoices on the running suite: read, judged, and refused by nobody."""

from collections import Counter

import pytest

from quartet.contracts.view import TaskView
from tests.suite.client import Client
from tests.suite.invoices import outcome
from tests.suite.running import Running
from tests.unit.einvoices import CII, UBL, official

pytestmark = pytest.mark.runtime
BATCH = "official"
REFUSED = ("commit-refused", "token-refused", "event-refused", "budget-refused", "document-refused")


@pytest.fixture(scope="module")
def views(running: Running) -> dict[str, TaskView]:
    """Return the tasks of all official examples, settled, by file."""
    client = running.client
    files = {name.replace("/", "-"): official(name) for name in (*UBL, *CII)}
    for name, content in files.items():
        client.pay(content, name, batch=BATCH)
    settled = client.batch_settled(BATCH, len(files)).values()
    return {view.documents[0].name: view for view in settled}


def test_each_of_a_vendor_that_the_books_do_not_know_is_held_for_a_person(
    views: dict[str, TaskView],
) -> None:
    assert Counter((view.state, outcome(view)) for view in views.values()) == {
        ("completed", "held"): len(UBL) + len(CII)
    }


def test_governance_refuses_nothing_of_them(client: Client, views: dict[str, TaskView]) -> None:
    tasks = {view.id for view in views.values()}

    records = [one for one in client.records() if one["task"] in tasks]

    assert {one["task"] for one in records if one["kind"] == "effect-applied"} == tasks
    assert [one for one in records if one["kind"] in REFUSED] == []
