"""What a sample document is, and the set of them with their master data. Making them: cases.py."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import yaml

from packs.payables.master import SampleBooks, plain

LIMIT = Decimal("10000.00")
Outcome = Literal[
    "scheduled", "held-for-approval", "held", "asked", "duplicate", "failed", "credited"
]


@dataclass(frozen=True)
class Sample:
    """One document and what is expected of it.

    `twin` is the file a duplicate repeats (of the two, the one that comes first is paid);
    `pays_to` is the account of the vendor master a payment goes to, whatever the document says.
    """

    file: str
    case: str
    outcome: Outcome
    why: str
    content: bytes
    vendor: str | None = None
    number: str | None = None
    payable: str | None = None
    currency: str | None = None
    pays_to: str | None = None
    twin: str | None = None


@dataclass(frozen=True)
class Catalogue:
    """All samples of one seed, in the order they are submitted, and their master data."""

    seed: int
    samples: tuple[Sample, ...]
    books: SampleBooks

    def expected(self) -> dict[str, Any]:
        """Give what `expected.yaml` holds."""
        rows = [plain(sample) for sample in self.samples]
        return {
            "seed": self.seed,
            "limit": str(LIMIT),
            "documents": [
                {key: value for key, value in row.items() if key != "content" and value is not None}
                for row in rows
            ],
        }

    def files(self) -> dict[str, bytes]:
        """Give every file of the folder `samples`, by name."""
        told = {"expected.yaml": self.expected(), "books.yaml": plain(self.books)}
        texts = {
            name: yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100).encode()
            for name, content in told.items()
        }
        return texts | {sample.file: sample.content for sample in self.samples}
