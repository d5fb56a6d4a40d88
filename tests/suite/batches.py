"""A batch of sample documents with natural keys of its own, and what it has to come to."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

import httpx

from packs.payables.books import MasterData
from packs.payables.catalogue import Catalogue, Sample
from packs.payables.master import plain
from packs.payables.normal import normal_number
from packs.payables.sampling import shuffled
from quartet.contracts.base import Fields, Json
from quartet.contracts.task import Document
from quartet.contracts.view import TaskView
from tests.suite.client import Client
from tests.suite.here import eventually
from tests.suite.invariants import Records
from tests.suite.invoices import outcome

Got = TypeVar("Got")
ALWAYS = (
    "clean-ubl",
    "clean-cii",
    "clean-pdf",
    "duplicate",
    "over-limit",
    "price-within-tolerance",
)
DOOR_WITHIN_S = 60.0


@dataclass(frozen=True)
class Batch:
    """Some samples of one seed, and their master data under vendor ids that no other batch has."""

    name: str
    samples: tuple[Sample, ...]
    books: Fields

    def expected(self) -> Counter[tuple[str, str]]:
        """Count natural keys and outcomes; of two equal invoices either one may come first."""
        return Counter((_key(sample), sample.outcome) for sample in self.samples)

    def came_to(self, views: list[TaskView]) -> Counter[tuple[str, str]]:
        """Count natural keys and outcomes of the tasks of this batch."""
        files = {sample.file: sample for sample in self.samples}
        return Counter((_key(files[v.documents[0].name]), outcome(v)) for v in views)

    def to_be_paid(self) -> list[tuple[str, str, str]]:
        """Return account, number and amount of what belongs in a payment file."""
        return [
            (str(s.pays_to), str(s.number), str(s.payable))
            for s in self.samples
            if s.outcome == "scheduled" and s.case != "clean-ubl"
        ]


def batch_of(seed: int, name: str, size: int) -> Batch:
    """Return a batch of the seed: what pays, a duplicate, what is held, and a few others."""
    catalogue = _own_vendors(shuffled(seed), name)
    others = [s.case for s in catalogue.samples if s.case not in ALWAYS]
    chosen = {*ALWAYS, *Random(seed).sample(others, size - len(ALWAYS))}
    samples = tuple(s for s in catalogue.samples if s.case in chosen)
    books = MasterData.model_validate(plain(catalogue.books)).model_dump(mode="json")
    return Batch(name, samples, books)


def load_books(client: Client, batch: Batch) -> None:
    """Load the master data of a batch; again while what answers is being replaced."""
    _patiently(lambda: client.operate("load_books", batch.books))


def prepared(client: Client, batch: Batch, **data: Json) -> list[Fields]:
    """Upload the documents of a batch; return a signed event for each, not yet submitted."""
    return [
        client.signed(client.event(_uploaded(client, s), batch=batch.name, **data))
        for s in batch.samples
    ]


def insist(client: Client, event: Fields, within_s: float = DOOR_WITHIN_S) -> str:
    """Submit until the console says 202: the same event again is the same task."""
    return _patiently(lambda: client.submit(event), within_s)


def _uploaded(client: Client, sample: Sample) -> Document:
    return _patiently(lambda: client.upload(sample.content, sample.file))


def _patiently(call: Callable[[], Got], within_s: float = DOOR_WITHIN_S) -> Got:
    """Call until it succeeds, and return what it gave."""
    given: list[Got] = []

    def succeeded() -> bool:
        try:
            given.append(call())
        except (httpx.HTTPError, AssertionError):
            return False
        return True

    eventually(succeeded, within_s)
    return given[0]


def check_payment_file(client: Client, records: Records, batch: Batch) -> None:
    """Close the payment run; each payment of the batch is in the files once."""
    client.operate("close_payment_run")
    client.operate("close_payment_run")
    paid = records.paid()
    wanted = batch.to_be_paid()
    assert {entry: paid[entry] for entry in wanted} == dict.fromkeys(wanted, 1)


def _own_vendors(catalogue: Catalogue, name: str) -> Catalogue:
    """Put the batch's name before each vendor id; documents name no vendor id."""
    books = catalogue.books
    renamed = replace(
        books,
        vendors=tuple(replace(v, id=f"{name}-{v.id}") for v in books.vendors),
        orders=tuple(replace(o, vendor=f"{name}-{o.vendor}") for o in books.orders),
    )
    samples = tuple(
        replace(s, vendor=f"{name}-{s.vendor}" if s.vendor else None) for s in catalogue.samples
    )
    return Catalogue(catalogue.seed, samples, renamed)


def _key(sample: Sample) -> str:
    if sample.vendor is None or sample.number is None:
        return sample.file
    return f"{sample.vendor}:{normal_number(sample.number)}"
