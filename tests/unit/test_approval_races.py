"""Deciding, expiring, committing and undoing at once: one of them wins, on both databases."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import func, select

from quartet.contracts.approval import ApprovalDecision, ApprovalView, DecisionKind
from quartet.resilience.failures import Failing
from services.toolbox.approvals.deciding import decide
from services.toolbox.approvals.rounds import Rounds
from services.toolbox.approvals.tables import OutboxRow
from services.toolbox.commit import commit
from services.toolbox.governance import Governance
from services.toolbox.ledger import Ledger, open_ledger
from services.toolbox.policy.live import Policies
from tests.unit.approvals_desk import desk, held, payments
from tests.unit.test_toolbox_races import at_once
from tests.unit.test_toolbox_races import committing as committing_on
from tests.unit.toolbox_desk import PEOPLE, Desk

__all__ = ["desk"]
WEEK = timedelta(days=7)


@contextmanager
def replica(desk: Desk, url: str) -> Iterator[Ledger]:
    """Another toolbox on the same ledger, with connections of its own and the same clock."""
    ledger = open_ledger(url, desk.files, desk.pack, desk.clock)
    yield ledger
    ledger.close()


def deciding(
    ledger: Ledger, asked: ApprovalView, decision: DecisionKind, by: str
) -> Callable[[], str]:
    """Return an attempt to decide: the state it leads to, or why it is refused."""
    sent = ApprovalDecision(decision=decision, call_digest=asked.call_digest, reason="So.")

    def act() -> str:
        try:
            return decide(ledger, asked.id, sent, PEOPLE[by]).state
        except Failing as error:
            return error.failure.title

    return act


def told(desk: Desk) -> int:
    """Return how many decisions are owed or told."""
    with desk.ledger.read() as entry:
        query = select(func.count()).where(OutboxRow.topic == "approval-decided")
        return entry.session.scalar(query) or 0


def test_two_who_approve_at_once_are_two_and_the_payment_is_made_once(
    desk: Desk, ledger_url: str
) -> None:
    desk.rule(approvers=2)
    sent, asked = held(desk)

    with replica(desk, ledger_url) as other:
        acts = [
            deciding(ledger, asked, "approve", by)
            for ledger in (desk.ledger, other)
            for by in ("ann", "bob")
        ]
        states = at_once(acts)
        outcomes = at_once([committing_on(ledger, desk, sent) for ledger in (desk.ledger, other)])

    assert set(states) <= {"waiting", "approved"}
    (shown,) = desk.approvals(state="used")
    assert sorted(d.person for d in shown.decisions) == ["ann", "bob"]
    assert Counter(o.status for o in outcomes) == {"applied": 2}
    assert len(payments(desk)) == 1
    assert told(desk) == 1


def test_of_an_approval_and_a_rejection_at_once_one_wins(desk: Desk, ledger_url: str) -> None:
    sent, asked = held(desk)

    with replica(desk, ledger_url) as other:
        answers = at_once(
            [
                deciding(desk.ledger, asked, "approve", "ann"),
                deciding(other, asked, "reject", "bob"),
            ]
        )

    assert sorted(answers) in (["NotDecidable", "approved"], ["NotDecidable", "rejected"])
    wanted = "applied" if "approved" in answers else "rejected"
    assert desk.commit(sent).status == wanted
    assert told(desk) == 1


def test_of_a_decision_and_the_expiry_at_once_one_wins(desk: Desk, ledger_url: str) -> None:
    sent, asked = held(desk)
    desk.clock.skip(WEEK - timedelta(seconds=4))

    with replica(desk, ledger_url) as other:

        def expire() -> str:
            for _ in range(4):
                Rounds(other, desk.sidecar).pass_once()
            return "round"

        answers = at_once([deciding(desk.ledger, asked, "approve", "ann"), expire])

    desk.round()
    outcome = desk.commit(sent)
    approved = answers[0] == "approved"
    assert approved or answers[0] in ("Expired", "NotDecidable")
    assert outcome.status == ("applied" if approved else "expired")
    assert told(desk) == 1


def test_a_commit_while_somebody_decides_is_held_or_made_and_then_made_once(
    desk: Desk, ledger_url: str
) -> None:
    sent, asked = held(desk)

    with replica(desk, ledger_url) as other:

        def again() -> str:
            return commit(other, Governance(Policies(desk.pack), desk.keyring), sent).status

        answers = at_once([deciding(desk.ledger, asked, "approve", "ann"), again, again, again])

    assert answers[0] == "approved"
    assert set(answers[1:]) <= {"held", "applied"}
    assert desk.commit(sent).status == "applied"
    assert len(payments(desk)) == 1


def test_a_decision_and_the_undoing_of_its_task_at_once_pay_nothing_twice(
    desk: Desk, ledger_url: str
) -> None:
    sent, asked = held(desk)

    with replica(desk, ledger_url) as other:

        def undo() -> str:
            return "undone" if desk.undo(sent.task) else ""

        def again() -> str:
            try:
                return commit(other, Governance(Policies(desk.pack), desk.keyring), sent).status
            except Failing as error:
                return error.failure.title

        at_once([deciding(other, asked, "approve", "ann"), undo, again])

    last = desk.commit(sent).status
    assert last in ("rejected", "compensated")


def test_two_rounds_at_once_number_each_fact_once(desk: Desk, ledger_url: str) -> None:
    for number in range(1, 5):
        _, asked = held(desk, number)
        desk.decide(asked, "approve")

    with replica(desk, ledger_url) as other:
        # Two owners: as if the lease had run out in the middle of a round.
        acts = [Rounds(ledger, desk.sidecar)._publish for ledger in (desk.ledger, other)]
        at_once(acts)
    desk.round()

    with desk.ledger.read() as entry:
        numbers = list(entry.session.scalars(select(OutboxRow.number).order_by(OutboxRow.number)))
    assert numbers == list(range(1, 9))
    events = Counter(event for _, event, _ in desk.sidecar.events)
    assert len(events) == 8
