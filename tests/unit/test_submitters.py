"""Who submits: the client whose key signed, the person whom the console attests, or nobody."""

from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import KeySetSerialization, OKPKey

from quartet.contracts.base import Fields, Json
from quartet.contracts.person import Person
from quartet.testing.signing import keyring, signer
from quartet.trust.keys import EPOCH_S
from quartet.trust.signing import NotGenuine, event_statement, sign
from quartet.trust.submitters import ATTESTATION, NOBODY, WITHIN_S, attested, submitter

KEY = OKPKey.generate_key("Ed25519", {"kid": "k1"})
EVENT: Fields = {"id": "1", "source": "/cli", "type": "t", "data": {"goal": "Pay.", "n": 3}}
ADA = Person(name="ada", tenant="acme", roles=("submitter", "auditor"), groups=("finance",))
SUBMITS = ADA.model_copy(update={"groups": ()})


def listed(**members: Json) -> KeySetSerialization:
    key: Any = {**KEY.as_dict(private=False), "kid": "k1", **members}
    return {"keys": [key]}


KEYS = listed(requester="local-client")


def test_an_attested_event_is_of_the_person_with_tenant_and_roles(tmp_path: Path) -> None:
    event = attested(EVENT, ADA, signer("console").sign)

    assert submitter(event, KEYS, keyring(tmp_path)) == (SUBMITS, "")


def test_what_nobody_signed_is_anonymous_and_has_no_role(tmp_path: Path) -> None:
    forged = EVENT | {"requester": "ada", "tenant": "acme", "roles": ["admin"], "person": "ada"}

    assert submitter(forged, KEYS, keyring(tmp_path)) == (NOBODY, "")
    assert (NOBODY.name, NOBODY.roles) == ("anonymous", ())


def test_who_submits_anonymously_is_named_as_asking_and_the_task_is_nobody_s(
    tmp_path: Path,
) -> None:
    event = attested(EVENT, ADA, signer("console").sign, anonymous=True)

    assert submitter(event, KEYS, keyring(tmp_path)) == (NOBODY, "ada")


@pytest.mark.parametrize("attribute", ["id", "source", "type", "data"])
def test_an_attestation_covers_the_attribute(tmp_path: Path, attribute: str) -> None:
    event = attested(EVENT, ADA, signer("console").sign) | {attribute: "changed"}

    with pytest.raises(NotGenuine, match="covers another event"):
        submitter(event, KEYS, keyring(tmp_path))


@pytest.mark.parametrize("by", ["coordinator", "toolbox", "specialist-finance"])
def test_nobody_but_the_console_attests(tmp_path: Path, by: str) -> None:
    with pytest.raises(NotGenuine, match="only console may"):
        submitter(attested(EVENT, ADA, signer(by).sign), KEYS, keyring(tmp_path))


@pytest.mark.parametrize(
    "statement",
    [
        {},
        {"person": "ada"},
        {"person": {"name": "ada", "roles": ["root"]}},
        {"person": {"name": "ada", "roles": ["submitter"]}, "more": 1},
        {"person": {"name": "ada", "roles": ["approver"]}},
        {"person": {"name": "ada", "roles": ["approver"]}, "anonymous": True},
        {"person": {"name": "ada", "roles": ["submitter"]}, "anonymous": "no"},
        {"anonymous": True},
    ],
    ids=str,
)
def test_a_statement_that_does_not_fit_attests_nothing(
    tmp_path: Path, statement: dict[str, Any]
) -> None:
    signed = signer("console").sign({**event_statement(EVENT), **statement}, ATTESTATION)
    event = EVENT | {"attestation": signed}

    with pytest.raises(NotGenuine):
        submitter(event, KEYS, keyring(tmp_path))


def test_a_statement_of_another_type_attests_nothing(tmp_path: Path) -> None:
    who: Fields = {"name": "ada", "roles": ["submitter"]}
    statement: Fields = {**event_statement(EVENT), "person": who}
    event = EVENT | {"attestation": signer("console").sign(statement, "quartet-event+jws")}

    with pytest.raises(NotGenuine):
        submitter(event, KEYS, keyring(tmp_path))


def test_an_event_with_both_signatures_is_refused(tmp_path: Path) -> None:
    event = attested(EVENT | {"signature": sign(EVENT, KEY)}, ADA, signer("console").sign)

    with pytest.raises(NotGenuine, match="both"):
        submitter(event, KEYS, keyring(tmp_path))


def test_an_attestation_that_is_too_old_is_refused(tmp_path: Path) -> None:
    then = 100 * EPOCH_S
    event = attested(EVENT, ADA, signer("console", lambda: float(then)).sign)
    known = keyring(tmp_path, lambda: float(then))

    known.clock = lambda: then + WITHIN_S
    assert submitter(event, KEYS, known).person == SUBMITS
    known.clock = lambda: then + EPOCH_S + WITHIN_S + 1
    with pytest.raises(NotGenuine, match="ended"):
        submitter(event, KEYS, known)


def test_a_client_s_key_gives_requester_tenant_and_roles(tmp_path: Path) -> None:
    event, services = EVENT | {"signature": sign(EVENT, KEY)}, keyring(tmp_path)
    more = listed(requester="erp", tenant="acme", roles=["submitter", "operator"])

    plain = Person(name="local-client", roles=("submitter",))
    assert submitter(event, KEYS, services).person == plain
    full = Person(name="erp", tenant="acme", roles=("submitter", "operator"))
    assert submitter(event, more, services).person == full


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"requester": 7},
        {"requester": "x", "roles": ["root"]},
        {"requester": "x", "tenant": "A"},
    ],
    ids=str,
)
def test_a_key_that_is_listed_wrongly_stands_for_nobody(
    tmp_path: Path, members: dict[str, Json]
) -> None:
    event = EVENT | {"signature": sign(EVENT, KEY)}

    with pytest.raises(NotGenuine, match="listed without"):
        submitter(event, listed(**members), keyring(tmp_path))
