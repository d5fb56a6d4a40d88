"""The signed chain at the gate: every link by whom it has to be, each naming the one before."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from quartet.contracts.effect import Commit, Registration
from quartet.contracts.work import Verdict
from quartet.testing.signing import judged, registered, seed_of
from quartet.trust.chain import plan_statement
from quartet.trust.digest import digest
from quartet.trust.keys import Signer
from services.toolbox.tables import EffectRow, PlanRow
from tests.unit.toolbox_desk import Desk, opened, order, plan, propose, result, task

ASK = propose("ask_about_invoice", reason="Is this ours?")


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        desk.register(task(1))
        yield desk


def sent(**changed: object) -> Commit:
    return order(task(1), result(ASK)).model_copy(update=changed)


def verdict(by: str = "critic", **changed: object) -> Verdict:
    return judged(sent().verdict.model_copy(update=changed), by)


def refused(desk: Desk, commit: Commit) -> str:
    title = str(desk.refused(commit, 403)["title"])
    with desk.ledger.read() as entry:
        assert entry.session.get(EffectRow, (task(1), 1)) is None
    return title


def test_a_whole_chain_is_carried_out(desk: Desk) -> None:
    assert desk.commit(sent()).status == "applied"


def test_a_proposal_that_nobody_signed_is_refused(desk: Desk) -> None:
    assert refused(desk, sent(signature="")) == "ProposalNotSigned"


def test_a_proposal_signed_by_a_specialist_of_another_kind_is_refused(desk: Desk) -> None:
    of = sent()
    statement = {
        "task": task(1),
        "plan": of.plan,
        "proposal": of.verdict.proposal_digest,
    }
    other = Signer("specialist-documents", lambda: seed_of("specialist-documents"))

    forged = other.sign({**statement}, "quartet-proposal+jws")

    assert refused(desk, sent(signature=forged)) == "ProposalNotSigned"


def test_the_signature_of_another_proposal_is_refused(desk: Desk) -> None:
    other = order(task(1), result(ASK, summary="another"))

    assert refused(desk, sent(signature=other.signature)) == "ProposalNotSigned"


def test_the_signature_of_another_task_s_same_proposal_is_refused(desk: Desk) -> None:
    other = order(task(2), result(ASK))

    assert refused(desk, sent(signature=other.signature)) == "ProposalNotSigned"


def test_a_verdict_that_nobody_signed_is_refused(desk: Desk) -> None:
    unsigned = sent().verdict.model_copy(update={"signature": ""})

    assert refused(desk, sent(verdict=unsigned)) == "VerdictNotGenuine"


@pytest.mark.parametrize("by", ["specialist-finance", "coordinator", "planner", "console"])
def test_a_verdict_by_another_agent_is_refused(desk: Desk, by: str) -> None:
    assert refused(desk, sent(verdict=verdict(by))) == "VerdictNotGenuine"


def test_a_verdict_that_was_turned_into_an_acceptance_is_refused(desk: Desk) -> None:
    rejected = verdict(decision="reject")
    turned = rejected.model_copy(update={"decision": "accept"})

    assert refused(desk, sent(verdict=turned)) == "VerdictNotGenuine"


def test_the_critic_s_own_rejection_is_not_carried_out(desk: Desk) -> None:
    assert refused(desk, sent(verdict=verdict(decision="reject"))) == "NotAccepted"


def test_a_verdict_on_another_digest_is_refused(desk: Desk) -> None:
    other = order(task(1), result(ASK, summary="another")).verdict

    assert refused(desk, sent(verdict=other)) == "VerdictMismatch"


def test_a_chain_on_another_plan_is_refused(desk: Desk) -> None:
    other = order(task(1), result(ASK), planned=plan(slots=2))

    assert refused(desk, other) == "OtherPlan"


@pytest.mark.parametrize("by", ["planner", "specialist-finance", "toolbox"])
def test_a_plan_that_the_coordinator_did_not_sign_is_not_registered(desk: Desk, by: str) -> None:
    forged = registered(Registration(task=task(2), requester="carol", plan=plan()), by)

    problem = desk.post("/callers/coordinator/plans", forged.model_dump(mode="json"), 403)

    assert problem["title"] == "PlanNotSigned"


def test_a_signature_covers_all_that_is_registered(desk: Desk) -> None:
    good = registered(Registration(task=task(2), requester="carol", plan=plan()))

    edits = (
        {"requester": "mallory"},
        {"asked_by": "mallory"},
        {"tenant": "other"},
        {"roles": ("admin",)},
        {"goal": "x"},
    )
    for changed in edits:
        forged = good.model_copy(update=changed).model_dump(mode="json")
        assert desk.post("/callers/coordinator/plans", forged, 403)["title"] == "PlanNotSigned"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("requester", "mallory"),
        ("asked_by", "bob"),
        ("roles", ["admin"]),
        ("goal", "Pay 9 to X"),
        ("signature", ""),
    ],
)
def test_a_plan_that_was_edited_in_the_ledger_carries_nothing_out(
    desk: Desk, column: str, value: object
) -> None:
    with desk.ledger.write() as entry:
        entry.session.execute(update(PlanRow).values({column: value}))

    assert refused(desk, sent()) == "PlanNotGenuine"


def test_a_slot_that_was_added_in_the_ledger_carries_nothing_out(desk: Desk) -> None:
    with desk.ledger.write() as entry:
        more = plan(slots=2)
        entry.session.execute(
            update(PlanRow).values(plan=more.model_dump(mode="json"), digest=digest(more))
        )

    forged = order(task(1), result(ASK), planned=plan(slots=2))

    assert refused(desk, forged) == "PlanNotGenuine"


def test_a_plan_registered_before_it_said_who_asked_is_signed_as_it_was() -> None:
    bare = Registration(task=task(1), requester="anonymous", plan=plan())
    named = bare.model_copy(update={"asked_by": "alice"})
    before = bare.model_dump(mode="json", exclude={"signature", "agents", "asked_by"})

    assert plan_statement(bare)["registration"] == digest(before)
    assert plan_statement(named)["registration"] not in (digest(before), "")
