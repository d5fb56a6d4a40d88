"""Decisions that a registered sender signs for a person; keys and time are arguments.

A sender's public key stands in ``trust/webhooks.jwks.json`` with two members of its own: ``sender``
(its name) and ``people``, those for whom it may speak, each with name, tenant, roles and groups.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwk, jws
from joserfc.jwk import KeySetSerialization
from pydantic import ValidationError

from quartet.contracts.approval import SpokenDecision
from quartet.contracts.person import Person
from quartet.trust.signing import MALFORMED, NotGenuine

ALGORITHMS = ["Ed25519", "ES256"]
DECISION = "quartet-decision+jws"
"""The type of what a sender signs."""
WITHIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Spoken:
    """A genuine decision: what was decided, by which person, sent by whom."""

    decision: SpokenDecision
    person: Person
    sender: str


def spoken(signed: str, keys: KeySetSerialization, now: datetime) -> Spoken:
    """Return the decision of a compact JWS; raises NotGenuine."""
    try:
        header = jws.extract_compact(signed.encode()).headers()
        if header.get("typ") != DECISION:
            raise NotGenuine(f"it is no {DECISION}")
        key = _key(header.get("kid"), keys)
        payload = jws.deserialize_compact(
            signed, jwk.import_key(key), algorithms=ALGORITHMS
        ).payload
        said = SpokenDecision.model_validate_json(payload)
    except ValidationError as error:
        raise NotGenuine(f"it states no decision ({error.error_count()} faults)") from error
    except MALFORMED as error:
        raise NotGenuine(f"the signature is of no sender ({type(error).__name__})") from error
    if abs(now - said.at) > WITHIN:
        raise NotGenuine("it was not signed within the last five minutes")
    return Spoken(said, _person(said.person, key), str(key.get("sender", "")))


def _key(kid: object, keys: KeySetSerialization) -> Any:  # noqa: ANN401 - joserfc's own type
    found = [key for key in keys["keys"] if kid is not None and key.get("kid") == kid]
    if len(found) != 1 or not found[0].get("sender"):
        raise NotGenuine("it names no key of a registered sender")
    return found[0]


def _person(name: str, key: dict[str, Any]) -> Person:
    for listed in key.get("people", ()):
        if isinstance(listed, dict) and listed.get("name") == name:
            try:
                return Person.model_validate(listed)
            except ValidationError as error:
                raise NotGenuine(f"{name} is not listed as a person should be") from error
    raise NotGenuine(f"its sender may not speak for {name}")
