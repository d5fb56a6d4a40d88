"""Invoices for tests on the running suite: the committed samples, and clean ones without end."""

from collections.abc import Iterator
from itertools import count

import jmespath

from packs.payables.catalogue import Catalogue, Sample
from packs.payables.sampling import ample_receipts, shuffled
from quartet.contracts.base import Fields
from quartet.contracts.view import TaskView
from quartet.packs.load import load
from tests.suite.client import PACK

SAMPLES: Catalogue = shuffled(0)
_NUMBERS: Iterator[int] = count(1)


def sample(case: str, catalogue: Catalogue = SAMPLES) -> Sample:
    """Return the sample of a case."""
    return next(one for one in catalogue.samples if one.case == case)


AMPLE_BOOKS: tuple[Fields, ...] = tuple(
    ample_receipts(SAMPLES.books, str(sample(case).vendor))
    for case in ("clean-ubl", "clean-cii", "over-limit")
)
"""Master data that makes room for the samples under other numbers."""


def clean_invoice(number: str = "") -> bytes:
    """Return an invoice that is paid without a person; each call another number, unless given."""
    return renumbered(sample("clean-ubl"), number or f"TEST-{next(_NUMBERS):06d}")


def renumbered(original: Sample, number: str) -> bytes:
    """Return an XML sample under another number, so that it is no duplicate."""
    assert original.number is not None
    content = original.content.replace(original.number.encode(), number.encode())
    assert content != original.content
    return content


def outcome(view: TaskView) -> str:
    """Return the outcome of a task as the pack's own report puts it."""
    column = next(c for c in load(PACK).manifest.report if c.title == "outcome")
    return str(jmespath.search(column.value, view.model_dump(mode="json")))
