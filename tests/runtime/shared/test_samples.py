"""The sample batch of the payables pack on the running suite: outcomes, payment file, ledger."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from packs.payables.books import MasterData
from packs.payables.catalogue import Catalogue, Sample
from packs.payables.master import plain
from packs.payables.payment_run import Closed, Entries
from packs.payables.sampling import FOLDER, shuffled
from quartet.contracts.view import TaskView
from tests.seeds import run_seed
from tests.suite.client import Client
from tests.suite.invoices import SAMPLES, outcome, renumbered, sample
from tests.suite.running import Running

pytestmark = pytest.mark.runtime
PAIN = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
FIXED_SEED = 20261121


def load(client: Client, catalogue: Catalogue) -> None:
    """Add the books of a catalogue to the ledger; its vendors get ids of their own."""
    books = json.dumps(plain(catalogue.books)).replace('"V-', f'"V-{catalogue.seed}-')
    client.operate("load_books", MasterData.model_validate_json(books).model_dump(mode="json"))


def run_batch(client: Client, catalogue: Catalogue, batch: str) -> dict[str, TaskView]:
    """Submit a catalogue, duplicates after their originals; return the tasks by file."""
    first = [one for one in catalogue.samples if one.twin is None]
    second = [one for one in catalogue.samples if one.twin is not None]
    done: dict[str, TaskView] = {}
    for part in (first, second):
        for one in part:
            client.pay(one.content, one.file, batch=batch)
        views = client.batch_settled(batch, len(done) + len(part)).values()
        done = {view.documents[0].name: view for view in views}
    return done


def came_to(views: dict[str, TaskView]) -> dict[str, str]:
    return {file: outcome(view) for file, view in sorted(views.items())}


def expected(catalogue: Catalogue) -> dict[str, str]:
    return {one.file: one.outcome for one in sorted(catalogue.samples, key=lambda s: s.file)}


@pytest.fixture(scope="module")
def batch(running: Running) -> dict[str, TaskView]:
    """Return the committed samples' tasks, settled."""
    on_disk = {one.file: (FOLDER / one.file).read_bytes() for one in SAMPLES.samples}
    assert on_disk == {one.file: one.content for one in SAMPLES.samples}
    return run_batch(running.client, SAMPLES, "samples")


def test_each_sample_comes_to_its_expected_outcome(batch: dict[str, TaskView]) -> None:
    assert came_to(batch) == expected(SAMPLES)


def test_a_task_that_failed_says_why_and_what_to_do(batch: dict[str, TaskView]) -> None:
    for one in (o for o in SAMPLES.samples if o.outcome == "failed"):
        failure = batch[one.file].failure

        assert batch[one.file].state == "failed"
        assert failure is not None
        assert (failure.cause, failure.advice) == ("data", "abandon")
        assert failure.title == "SubtaskUnreadable"
        assert len(failure.detail.split()) > 5, failure.detail


def test_the_duplicate_names_the_task_that_pays(batch: dict[str, TaskView]) -> None:
    duplicate = sample("duplicate")
    assert duplicate.twin is not None

    found = batch[duplicate.file].subtasks[-1].outcomes[-1]

    assert found.duplicate_of == batch[duplicate.twin].id


def test_a_payment_over_the_limit_waits_and_is_not_applied(
    client: Client, batch: dict[str, TaskView]
) -> None:
    over = sample("over-limit")
    view = batch[over.file]

    payments = Entries.model_validate(client.operate("list_payments")).payments
    cases = client.operate("list_cases")

    assert (view.state, view.shown) == ("running", "waiting")
    assert view.subtasks[-1].state == "held"
    assert [o.status for o in view.subtasks[-1].outcomes] == ["held"]
    assert view.id not in {entry.effect.partition("/")[0] for entry in payments}
    assert isinstance(cases, dict)
    assert view.id in str(cases["cases"])


def transfers(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield vendor account, invoice number and amount of each invoice that a file pays."""
    for one in etree.parse(path).iterfind(".//p:CdtTrfTxInf", PAIN):
        account = one.findtext("p:CdtrAcct/p:Id/p:IBAN", namespaces=PAIN)
        for item in one.iterfind("p:RmtInf/p:Strd", PAIN):
            if item.findtext(".//p:Cd", namespaces=PAIN) == "CINV":
                number = item.findtext("p:RfrdDocInf/p:Nb", namespaces=PAIN)
                amount = item.findtext("p:RfrdDocAmt/p:RmtdAmt", namespaces=PAIN)
                yield str(account), str(number), str(amount)


def test_the_payment_file_holds_each_scheduled_payment_once(
    running: Running, client: Client, batch: dict[str, TaskView]
) -> None:
    assert batch
    wanted = [
        (str(one.pays_to), str(one.number), str(one.payable))
        for one in SAMPLES.samples
        if one.outcome == "scheduled"
    ]

    closed = Closed.model_validate(client.operate("close_payment_run"))
    again = Closed.model_validate(client.operate("close_payment_run"))

    assert closed.file is not None
    assert again.run is None
    paid = Counter(transfers(running.data.root / "toolbox" / "payments" / closed.file))
    assert {one: paid[one] for one in wanted} == dict.fromkeys(wanted, 1)
    entries = Entries.model_validate(client.operate("list_payments")).payments
    in_run = [e for e in entries if e.kind == "payment" and e.runs == (closed.run,)]
    assert paid == Counter((e.iban, e.number, e.amount) for e in in_run)


@pytest.mark.parametrize("seed", [FIXED_SEED, None], ids=["fixed", "fresh"])
def test_shuffled_names_numbers_and_order_come_to_the_same_outcomes(
    running: Running, client: Client, seed: int | None
) -> None:
    chosen = running.unused(run_seed() if seed is None else seed)
    print(f"seed {chosen}")  # noqa: T201 - a fresh seed must be repeatable
    catalogue = shuffled(chosen)
    load(client, catalogue)

    views = run_batch(client, catalogue, f"shuffled-{chosen}")

    assert came_to(views) == expected(catalogue)


def test_two_equal_invoices_at_once_are_paid_once(client: Client) -> None:
    one: Sample = sample("clean-cii")
    content = renumbered(one, "TWICE-AT-ONCE/1")
    document = client.upload(content)
    events = [client.signed(client.event(document, batch="twice-at-once")) for _ in range(2)]

    for event in events:
        client.add_to_stream(event)

    views = client.batch_settled("twice-at-once", 2).values()
    assert sorted(outcome(view) for view in views) == ["duplicate", "scheduled"]


def test_of_two_invoices_at_once_for_one_receipt_one_is_paid_and_the_other_held(
    running: Running,
    client: Client,
) -> None:
    catalogue = shuffled(running.unused(FIXED_SEED))
    load(client, catalogue)
    one = sample("clean-cii", catalogue)
    documents = [client.upload(renumbered(one, f"ONE-RECEIPT/{n}")) for n in (1, 2)]
    events = [client.signed(client.event(d, batch="one-receipt")) for d in documents]

    for event in events:
        client.add_to_stream(event)

    views = client.batch_settled("one-receipt", 2).values()
    assert sorted(outcome(view) for view in views) == ["held", "scheduled"]
    (held,) = (view for view in views if outcome(view) == "held")
    assert "billed already by ONE-RECEIPT" in held.subtasks[-1].outcomes[-1].says


def test_the_ledger_s_checker_finds_nothing(running: Running) -> None:
    assert running.ledger_problems() == ()
