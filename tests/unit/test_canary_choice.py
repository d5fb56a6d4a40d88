"""Which app-id works on a subtask: for a share of the tasks a canary, then to the task's end."""

from pathlib import Path

import pytest

from quartet.contracts.canary import ShareWanted
from quartet.contracts.effect import Registration
from quartet.contracts.token import TokenWanted
from quartet.contracts.work import ReviewOrder
from quartet.packs.load import load
from quartet.resilience.failures import Abandon, RetryLater
from quartet.service.database import connect, migrate
from quartet.testing.replay import Replay
from quartet.testing.signing import keyring, signer
from quartet.trust.tokens import read
from services.coordinator.app import MIGRATIONS
from services.coordinator.canaries import Shares, UnknownCanary
from services.coordinator.choosing import falls_to
from services.coordinator.messages import (
    Claimed,
    Closed,
    DraftedPlan,
    PlanChecked,
    Start,
    SubtaskRun,
)
from services.coordinator.store import TaskStore
from services.coordinator.tokens import TokenRefused, Tokens
from services.coordinator.workflow import TaskWorkflows
from tests.unit.coordinator_desk import (
    PLAN,
    READ,
    READ_RESULT,
    SETTLE,
    SETTLE_RESULT,
    START,
    TASK_ID,
    Desk,
    desk,
    task,
    verdict,
)

BASE, CANARY = "specialist-finance", "specialist-finance-canary"
DECLARED = load("payables", (BASE,))
IDS = [f"t-{n:024x}" for n in range(10_000)]


@pytest.fixture
def at(tmp_path: Path) -> Desk:
    return desk(tmp_path, DECLARED)


def shares(at: Desk) -> Shares:
    return Shares(at.pack, at.store, at.peers)


def give(at: Desk, percent: int) -> None:
    shares(at).give(CANARY, ShareWanted(percent=percent), "olga")


def chosen(at: Desk) -> dict[str, str]:
    return at.store.agents(TASK_ID)


def second_run(at: Desk) -> Start:
    again = Start(task=TASK_ID, run="f" * 16)
    at.set_row(run=again.run)
    return again


@pytest.mark.parametrize(("percent", "least", "most"), [(0, 0, 0), (5, 400, 600), (20, 1850, 2150)])
def test_so_many_of_ten_thousand_tasks_fall_to_a_canary(
    percent: int, least: int, most: int
) -> None:
    assert least <= sum(falls_to(CANARY, one, percent) for one in IDS) <= most


def test_at_a_hundred_percent_every_task_falls_to_it() -> None:
    assert all(falls_to(CANARY, one, 100) for one in IDS)


def test_a_larger_share_keeps_every_task_of_a_smaller_one() -> None:
    small = {one for one in IDS if falls_to(CANARY, one, 20)}

    assert small < {one for one in IDS if falls_to(CANARY, one, 30)}


def test_two_canaries_do_not_get_the_same_tasks() -> None:
    both = sum(falls_to(CANARY, i, 50) and falls_to("other-canary", i, 50) for i in IDS)

    assert 2300 <= both <= 2700


def test_a_canary_without_a_share_gets_nothing(at: Desk) -> None:
    at.running()

    assert chosen(at) == {"read": "specialist-documents", "settle": BASE}


def test_the_choice_goes_into_the_registered_plan_and_back_to_the_workflow(at: Desk) -> None:
    give(at, 100)
    at.accepted().steps.claim_task(START)

    checked = at.register()

    wanted = {"read": "specialist-documents", "settle": CANARY}
    assert checked == PlanChecked(agents=wanted)
    (sent,) = at.peers.sent_to("toolbox", "plans")
    assert isinstance(sent, Registration)
    assert sent.agents == {"settle": CANARY}


def test_a_plan_without_a_canary_is_registered_as_before_there_were_any(at: Desk) -> None:
    at.running()

    (sent,) = at.peers.sent_to("toolbox", "plans")

    assert sent is not None
    assert "agents" not in sent.model_dump(mode="json")


def test_a_second_run_goes_on_with_the_app_id_of_the_first(at: Desk) -> None:
    give(at, 100)
    at.running()

    give(at, 0)
    claimed = at.steps.claim_task(second_run(at))

    assert claimed.agents["settle"] == CANARY
    again = at.steps.register_plan(DraftedPlan(start=Start(task=TASK_ID, run="f" * 16), plan=PLAN))
    assert again.agents["settle"] == CANARY


def settled(at: Desk) -> Desk:
    """Have everything before the settling accepted."""
    at.running()
    assert at.judged(READ, READ_RESULT).state == "done"
    return at


def test_a_revised_attempt_stays_with_the_canary_after_a_rollback(at: Desk) -> None:
    give(at, 100)
    settled(at).record(SETTLE, SETTLE_RESULT, by=CANARY)
    at.store.keep_verdict(verdict(SETTLE, SETTLE_RESULT, "revise"))

    give(at, 0)
    assert at.close(SETTLE).state == "working"
    tokens = Tokens(at.pack, at.store, signer("coordinator"))
    wanted = TokenWanted(task=TASK_ID, subtask="settle", attempt=2)
    given = tokens.give(CANARY, wanted)

    assert read(given.token, at.keyring).sub == CANARY
    with pytest.raises(TokenRefused, match=f"{CANARY} works on it, not {BASE}"):
        tokens.give(BASE, wanted)


def test_a_result_counts_only_from_the_app_id_that_was_chosen(at: Desk) -> None:
    give(at, 100)
    settled(at)

    with pytest.raises(Abandon, match="not signed"):
        at.record(SETTLE, SETTLE_RESULT, by=BASE)
    at.record(SETTLE, SETTLE_RESULT, by=CANARY)

    (_, _, asked) = at.outbox.published[-1]
    assert isinstance(asked, ReviewOrder)
    assert asked.by == CANARY


def test_a_share_that_cannot_be_put_on_record_does_not_change(at: Desk) -> None:
    at.peers.failures.append(RetryLater("The toolbox is away.", cause="network"))

    with pytest.raises(RetryLater):
        give(at, 100)

    assert shares(at).shown().canaries[0].percent == 0


@pytest.mark.parametrize("name", [BASE, "specialist-documents-canary", "planner", ""])
def test_who_is_no_declared_canary_gets_no_share(at: Desk, name: str) -> None:
    with pytest.raises(UnknownCanary, match=f"this suite has {CANARY}"):
        shares(at).give(name, ShareWanted(percent=10), "olga")


def test_a_canary_that_was_taken_away_comes_back_without_a_share(at: Desk) -> None:
    give(at, 100)

    Shares(load("payables"), at.store, at.peers).forget_undeclared()

    assert shares(at).shown().canaries[0].percent == 0
    settled(at)
    assert chosen(at)["settle"] == BASE


def test_the_figures_count_what_became_of_the_work_since_the_share_began(
    database_url: str, tmp_path: Path
) -> None:
    migrate(database_url, MIGRATIONS)
    engine = connect(database_url)
    at = Desk(TaskStore(engine), keyring(tmp_path), pack=DECLARED)
    give(at, 100)
    settled(at).record(SETTLE, SETTLE_RESULT, by=CANARY)
    at.store.keep_verdict(verdict(SETTLE, SETTLE_RESULT, "revise"))
    at.close(SETTLE)

    (one,) = shares(at).shown().canaries

    assert (one.under_way, one.figures.subtasks, one.figures.revised) == (1, 1, 1)
    assert (one.figures.done, one.base.subtasks, one.by) == (0, 0, "olga")
    give(at, 0)
    give(at, 1)
    assert shares(at).shown().canaries[0].figures.subtasks == 0
    engine.dispose()


def run_of(checked: PlanChecked) -> SubtaskRun:
    """Return what the workflow of a task asks for its second subtask."""
    run = Replay(lambda ctx: TaskWorkflows(DECLARED).run_task(ctx, START))
    run.end("claim_task", Claimed(task=task()))
    run.end("draft_plan", PLAN)
    run.end("register_plan", checked)
    run.end("run_subtask", Closed(subtask="read", state="done", decision="invoice"))
    return SubtaskRun.model_validate(run.sent("run_subtask"))


def test_the_workflow_sends_a_subtask_where_the_stored_choice_says() -> None:
    assert run_of(PlanChecked(agents={"settle": CANARY})).app_id == CANARY


def test_a_history_from_before_canaries_goes_on_with_the_specialist() -> None:
    assert run_of(PlanChecked()).app_id == BASE
