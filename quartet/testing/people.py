"""People for tests: tokens of the local issuer of a data folder, as headers of a request."""

from datetime import timedelta
from pathlib import Path

from quartet.contracts.person import Person
from quartet.runtime.issuer import OPERATOR, issuer_of, make_issuer, token
from quartet.runtime.layout import DataFolder
from quartet.service.people import utc_now
from quartet.sidecar.client import PERSON_TOKEN
from quartet.trust.people import mint

LIFE = timedelta(hours=1)


def passed_on(folder: Path, who: str | Person = OPERATOR) -> dict[str, str]:
    """Return the header with which the console passes a person on; makes the issuer if needed.

    ``who`` is a name of people.yaml, or any person at all.
    """
    return {PERSON_TOKEN: bearer(folder, who)}


def bearer(folder: Path, who: str | Person = OPERATOR, life: timedelta = LIFE) -> str:
    """Return a token of the local issuer; makes the issuer if needed."""
    data = DataFolder(folder)
    make_issuer(data)
    if isinstance(who, str):
        return token(data, who, life)
    return mint(who, issuer_of(data), utc_now(), life)
