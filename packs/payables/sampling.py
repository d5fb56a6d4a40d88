"""The sample documents and their master data, all from one seed. The cases are in cases.py.

`python -m packs.payables.sampling` writes those of seed 0 to `samples/`. Other seeds give the same
cases with other names, numbers, amounts, accounts, syntaxes and order.
"""

import sys
from decimal import Decimal
from pathlib import Path
from random import Random

from packs.payables.cases import Making
from packs.payables.catalogue import Catalogue
from packs.payables.master import Receipt, ReceiptLine, SampleBooks, plain
from quartet.contracts.base import Fields

FOLDER = Path(__file__).parent / "samples"


def shuffled(seed: int) -> Catalogue:
    """Give the catalogue of a seed; the same seed always gives the same bytes."""
    making = Making(Random(seed))  # noqa: S311 - invented documents, no secrets
    making.everything()
    return Catalogue(seed, making.in_order(), making.books())


def sample_books(seed: int) -> SampleBooks:
    """Give the master data that the documents of a seed refer to."""
    return shuffled(seed).books


def ample_receipts(books: SampleBooks, vendor: str) -> Fields:
    """Give master data to load after books: of a vendor's orders, enough for any more invoices.

    Who submits one sample again and again under other numbers bills one order again and again.
    """
    ample = tuple(
        Receipt(
            f"{order.number}-AMPLE",
            order.number,
            tuple(ReceiptLine(line.line, Decimal(1_000_000)) for line in order.lines),
        )
        for order in books.orders
        if order.vendor == vendor
    )
    found: Fields = plain(SampleBooks(books.company, (), (), ample))
    return found


def write_samples(folder: Path, seed: int) -> None:
    """Write the files of a seed; files of an earlier writing go."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in shuffled(seed).files().items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    write_samples(FOLDER, int(sys.argv[1]) if len(sys.argv) > 1 else 0)
