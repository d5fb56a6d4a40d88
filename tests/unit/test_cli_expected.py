from quartet.cli.expected import Expectation, faults
from quartet.contracts.effect import Outcome
from quartet.contracts.task import Document, Task
from quartet.contracts.view import SubtaskView, TaskView
from quartet.trust.digest import digest
from tests.unit.console_stand_in import completed

TWINS = [
    Expectation(file="first.xml", outcome="scheduled"),
    Expectation(file="second.xml", outcome="duplicate", twin="first.xml"),
]


def paying(name: str, account: str) -> TaskView:
    document = Document(digest=digest(b"x"), name=name)
    task = Task(id=f"t-{'0' * 24}", pack="payables", goal="x", requester="x", documents=(document,))
    outcome = Outcome(
        task=task.id,
        slot=1,
        tool="schedule_payment",
        status="applied",
        says="paid",
        proposal_digest=digest(b"x"),
        call_digest=digest(b"x"),
        result={"iban": account},
    )
    view = completed(task)
    (subtask,) = view.subtasks
    with_outcome = SubtaskView.model_validate(subtask.model_dump() | {"outcomes": (outcome,)})
    return view.model_copy(update={"subtasks": (with_outcome,)})


def test_of_twins_either_may_come_first() -> None:
    assert faults(TWINS, {"first.xml": "scheduled", "second.xml": "duplicate"}, []) == {}
    assert faults(TWINS, {"first.xml": "duplicate", "second.xml": "scheduled"}, []) == {}


def test_twins_that_are_both_paid_are_both_faults() -> None:
    found = faults(TWINS, {"first.xml": "scheduled", "second.xml": "scheduled"}, [])

    assert set(found) == {"first.xml", "second.xml"}
    assert "expected duplicate and scheduled, came to scheduled" in found["first.xml"]


def test_a_sample_that_came_to_nothing_is_a_fault() -> None:
    expected = [Expectation(file="a.xml", outcome="held")]

    assert faults(expected, {}, []) == {"a.xml": "expected held, came to nothing"}


def test_a_payment_to_another_account_is_a_fault() -> None:
    expected = [Expectation(file="a.xml", outcome="scheduled", pays_to="NL1")]

    right = faults(expected, {"a.xml": "scheduled"}, [paying("a.xml", "NL1")])
    wrong = faults(expected, {"a.xml": "scheduled"}, [paying("a.xml", "XX9")])

    assert right == {}
    assert wrong == {"a.xml": "expected a payment to NL1, it went to XX9"}
