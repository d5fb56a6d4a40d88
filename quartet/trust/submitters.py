"""Who submits a task: the client whose key signed the event, or the person the console attests.

An attestation is a statement of the console, signed with its service key, over the event and the
person; it travels in the event's extension attribute ``attestation``. A client can forge neither.
One that says ``anonymous`` makes the task nobody's, and still names who asked for it.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from joserfc.jwk import KeySetSerialization
from pydantic import ValidationError

from quartet.contracts.base import Fields, Json
from quartet.contracts.person import DEFAULT_TENANT, Person
from quartet.contracts.task import ANONYMOUS
from quartet.trust.keys import Keyring
from quartet.trust.signing import NotGenuine, event_statement, signing_key

ATTESTATION = "quartet-submitter+jws"
"""The type of what the console signs about a submission."""
ATTESTER = "console"
WITHIN_S = 7 * 86_400.0
"""How long an event may wait on the broker, or as a dead letter, after its key's epoch."""
NOBODY = Person(name=ANONYMOUS)
Sign = Callable[[Json, str], str]


class Submitter(NamedTuple):
    """For whom a task runs, and who asked for it where that is somebody else; empty: unknown."""

    person: Person
    asked_by: str = ""


def attested(
    event: Mapping[str, Json], person: Person, sign: Sign, *, anonymous: bool = False
) -> Fields:
    """Return the event with the console's word that this person submits it, or asks for it."""
    who: Fields = person.model_dump(mode="json", exclude={"groups"})
    states: Fields = {**event_statement(event), "person": who}
    if anonymous:
        states["anonymous"] = True
    return {**event, "attestation": sign(states, ATTESTATION)}


def submitter(event: Mapping[str, Json], keys: KeySetSerialization, services: Keyring) -> Submitter:
    """Return who submits an event: name, tenant and roles; nobody signed it: ``anonymous``.

    ``keys`` are the trusted clients' public keys, each with its ``requester`` and, where they are
    others than the usual ones, ``tenant`` and ``roles``. Raises NotGenuine.
    """
    signature, attestation = event.get("signature"), event.get("attestation")
    if signature is not None and attestation is not None:
        raise NotGenuine("it has both a client's signature and an attestation")
    if signature is not None:
        return Submitter(_client(signing_key(dict(event), str(signature), keys)))
    if attestation is not None:
        return _attested(event, str(attestation), services)
    return Submitter(NOBODY)


def _client(key: Mapping[str, Json]) -> Person:
    """Return whom a trusted key stands for: one that is listed at all may submit."""
    try:
        return Person.model_validate(
            {
                "name": key["requester"],
                "tenant": key.get("tenant", DEFAULT_TENANT),
                "roles": key.get("roles", ["submitter"]),
            }
        )
    except (KeyError, ValidationError) as error:
        raise NotGenuine("its key is listed without a proper requester, tenant or roles") from error


def _attested(event: Mapping[str, Json], attestation: str, services: Keyring) -> Submitter:
    statement = services.verify(attestation, ATTESTER, ATTESTATION, WITHIN_S)
    if not isinstance(statement, dict):
        raise NotGenuine("the attestation states nothing")
    try:
        covered = event_statement(event)
        person = Person.model_validate(statement.pop("person", None))
    except (ValueError, RecursionError) as error:
        raise NotGenuine("the attestation names no person") from error
    anonymous = statement.pop("anonymous", False)
    if statement != covered or not isinstance(anonymous, bool):
        raise NotGenuine("the attestation covers another event")
    if not person.has("submitter"):
        raise NotGenuine(f"{person.name} is no submitter")
    return Submitter(NOBODY, asked_by=person.name) if anonymous else Submitter(person)
