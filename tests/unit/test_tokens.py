"""Transaction tokens: who gets one, what one says, and every way in which one is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from quartet.contracts.base import Fields
from quartet.contracts.token import Claims, TokenGiven, TokenWanted, Transaction
from quartet.resilience.failures import Abandon
from quartet.service.tokens import TokenRefused, check_step, held
from quartet.sidecar.doors import Step
from quartet.testing.ports import Peers
from quartet.testing.signing import keyring, signer, token
from quartet.trust.keys import EPOCH_S, Keyring
from quartet.trust.tokens import LIFE_S, SKEW_S, TYP, read
from services.coordinator.tokens import TokenRefused as NotLive
from services.coordinator.tokens import Tokens
from services.toolbox.tables import AuditRow
from tests.unit.coordinator_desk import (
    PACK,
    READ,
    READ_RESULT,
    SETTLE,
    SETTLE_RESULT,
    START,
    TASK_ID,
    desk,
)
from tests.unit.coordinator_desk import Desk as Coordinator
from tests.unit.signing_client import step
from tests.unit.toolbox_desk import Desk, invoice, opened, settlement, task

NOW = 20_000 * EPOCH_S + 1000.0
STEP = Transaction(
    task=TASK_ID, subtask="read", attempt=2, skill="specialist.read", tools=("read_einvoice",)
)
WANTED = TokenWanted(task=TASK_ID, subtask="read", attempt=2)


def at(now: float) -> Callable[[], float]:
    return lambda: now


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    return keyring(tmp_path, at(NOW))


def claims(**changed: object) -> Fields:
    given = Claims.model_validate(
        {
            "iss": "coordinator",
            "aud": "quartet",
            "iat": int(NOW),
            "exp": int(NOW) + 300,
            "jti": "1",
            "txn": TASK_ID,
            "sub": "critic",
            "scope": "critic.read",
            "tctx": STEP,
            "rctx": {"requester": "ada", "tenant": "default"},
        }
    )
    return given.model_dump(mode="json") | changed


def test_a_token_says_for_whom_what_and_for_how_long_it_is(keys: Keyring) -> None:
    found = read(token("critic", STEP, at(NOW)), keys)

    assert (found.sub, found.txn, found.tctx, found.scope) == ("critic", TASK_ID, STEP, STEP.skill)
    assert (found.iat, found.exp) == (int(NOW), int(NOW) + LIFE_S)
    assert found.rctx.requester == "tester"


def signed(statement: Fields) -> str:
    return signer("coordinator", at(NOW)).sign(statement, TYP)


REFUSED: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "no token": lambda: "Bearer x",
    "one that has expired": lambda: token("critic", STEP, at(NOW - LIFE_S)),
    "one of the future": lambda: token("critic", STEP, at(NOW + SKEW_S + 1)),
    "one of another app": lambda: token("planner", STEP, at(NOW)),
    "one that another app issued": lambda: token("critic", STEP, at(NOW), by="critic"),
    "one of another type": lambda: signer("coordinator", at(NOW)).sign(claims(), "JWT"),
    "one for another audience": lambda: signed(claims(aud="elsewhere")),
    "one of another issuer": lambda: signed(claims(iss="elsewhere")),
    "one for two tasks": lambda: signed(claims(txn="t-" + "9" * 24)),
    "one with more claims": lambda: signed(claims(admin=True)),
    "one without its step": lambda: signed({k: v for k, v in claims().items() if k != "tctx"}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_token_of_the_caller_is_refused(keys: Keyring, name: str) -> None:
    with pytest.raises(TokenRefused):
        held(REFUSED[name](), keys, "critic")


def test_the_claims_of_these_tests_would_be_taken_as_they_are(keys: Keyring) -> None:
    assert held(signed(claims()), keys, "critic").sub == "critic"


@pytest.mark.parametrize(
    ("changed", "skill", "tool"),
    [
        ({"task": "t-" + "2" * 24}, "", ""),
        ({"subtask": "settle"}, "", ""),
        ({"attempt": 1}, "", ""),
        ({}, "specialist.settle", ""),
        ({}, "", "match_invoice"),
        ({}, "", "Read_einvoice"),
    ],
)
def test_another_step_skill_or_tool_is_refused(
    keys: Keyring, changed: Fields, skill: str, tool: str
) -> None:
    own = held(token("critic", STEP, at(NOW)), keys, "critic")
    check_step(own, WANTED, skill="specialist.read", tool="read_einvoice")

    with pytest.raises(TokenRefused):
        check_step(own, WANTED.model_copy(update=changed), skill, tool)


@pytest.fixture
def coordinator(tmp_path: Path) -> Coordinator:
    return desk(tmp_path)


def given(
    coordinator: Coordinator, caller: str, subtask: str, attempt: int, of: str = TASK_ID
) -> Claims:
    tokens = Tokens(PACK, coordinator.store, signer("coordinator"))
    got = tokens.give(caller, TokenWanted(task=of, subtask=subtask, attempt=attempt))
    return read(got.token, coordinator.keyring)


def none_for(coordinator: Coordinator, *asked: tuple[str, str, int]) -> None:
    for caller, subtask, attempt in asked:
        with pytest.raises(NotLive):
            given(coordinator, caller, subtask, attempt)


def test_the_planner_gets_one_to_plan_and_one_to_sum_up_and_none_in_between(
    coordinator: Coordinator,
) -> None:
    coordinator.accepted()
    none_for(coordinator, ("planner", "plan", 0))
    coordinator.steps.claim_task(START)
    assert given(coordinator, "planner", "plan", 0).tctx.skill == "planner.draft_plan"

    coordinator.register()
    none_for(coordinator, ("planner", "plan", 0))
    coordinator.judged(READ, READ_RESULT)
    none_for(coordinator, ("planner", "plan", 0))
    coordinator.judged(SETTLE, SETTLE_RESULT)

    assert given(coordinator, "planner", "plan", 0).tctx.skill == "planner.synthesize"


def test_a_specialist_gets_one_for_the_attempt_that_it_works_on(coordinator: Coordinator) -> None:
    coordinator.running()

    got = given(coordinator, "specialist-documents", "read", 1)

    assert got.sub == "specialist-documents"
    assert got.tctx.skill == "specialist.read-invoice"
    assert got.tctx.tools == ("read_einvoice",)
    assert (got.rctx.requester, got.rctx.tenant) == ("tester", "default")


def test_nobody_else_gets_one_and_no_other_step(coordinator: Coordinator) -> None:
    coordinator.running()

    none_for(
        coordinator,
        ("specialist-finance", "read", 1),
        ("critic", "read", 1),
        ("planner", "read", 1),
        ("specialist-documents", "read", 0),
        ("specialist-documents", "read", 2),
        ("specialist-documents", "settle", 1),
        ("specialist-finance", "settle", 1),
        ("specialist-documents", "other", 1),
        ("console", "read", 1),
    )
    with pytest.raises(NotLive):
        given(coordinator, "specialist-documents", "read", 1, of="t-" + "9" * 24)


def test_a_result_closes_the_attempt_for_its_specialist_and_opens_it_for_the_critic(
    coordinator: Coordinator,
) -> None:
    coordinator.running().record(READ, READ_RESULT)

    none_for(coordinator, ("specialist-documents", "read", 1), ("critic", "read", 2))
    assert given(coordinator, "critic", "read", 1).tctx.skill == "critic.read-invoice"


def test_a_closed_attempt_gets_none_and_the_next_one_does(coordinator: Coordinator) -> None:
    coordinator.running().judged(READ, READ_RESULT, "revise")

    none_for(coordinator, ("specialist-documents", "read", 1), ("critic", "read", 1))
    assert given(coordinator, "specialist-documents", "read", 2).tctx.attempt == 2


def test_an_attempt_that_failed_gets_none(coordinator: Coordinator) -> None:
    failure = Abandon("It can not be done.", cause="tool")
    coordinator.running().close(READ, failure=failure)

    none_for(coordinator, ("specialist-documents", "read", 1), ("specialist-documents", "read", 2))


@pytest.mark.parametrize("changed", [{"stop": "cancelled: enough"}, {"state": "compensating"}])
def test_a_task_that_is_being_stopped_gets_none(
    coordinator: Coordinator, changed: dict[str, object]
) -> None:
    coordinator.running().set_row(**changed)

    none_for(coordinator, ("specialist-documents", "read", 1))


def test_a_step_fetches_its_token_once_and_again_before_it_is_too_old_for_a_call() -> None:
    peers, now = Peers(), [0.0]
    peers.answers["coordinator", "tokens"] = lambda _: TokenGiven(
        token=f"token-{len(peers.calls)}", expires_in_s=LIFE_S
    )
    live = Step(peers, TASK_ID, "read", 1, clock=lambda: now[0])

    first, second = live.token(), live.token()
    now[0] = LIFE_S - 100.0
    third = live.token()

    assert (first, second, third) == ("token-1", "token-1", "token-2")
    assert "token-2" not in repr(live)


@pytest.fixture
def toolbox(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as found:
        found.register(task(1))
        found.register(task(2))
        yield found


CHECK = "/callers/specialist-finance/tools/check_invoice"


def own_step(**changed: object) -> Transaction:
    body: Fields = {"task": task(1), "subtask": "settle", "attempt": 1}
    return step(body, "check_invoice").model_copy(update=changed)


@pytest.mark.parametrize(
    ("to", "changed"),
    [
        ("specialist-documents", {}),
        ("critic", {}),
        ("specialist-finance", {"subtask": "read"}),
        ("specialist-finance", {"attempt": 2}),
        ("specialist-finance", {"tools": ("match_invoice",)}),
    ],
)
def test_the_toolbox_runs_no_tool_without_the_caller_s_token_for_it(
    toolbox: Desk, to: str, changed: dict[str, object]
) -> None:
    read_value = toolbox.settle(task(1), invoice())
    body = {
        "task": task(1),
        "subtask": "settle",
        "attempt": 1,
        "arguments": {"invoice": f"${read_value}"},
    }
    good = {"txn-token": token("specialist-finance", own_step())}
    assert toolbox.http.post(CHECK, json=body, headers=good).status_code == 200

    for shown in ("", token(to, own_step(**changed))):
        answer = toolbox.http.post(CHECK, json=body, headers={"txn-token": shown})
        assert (answer.status_code, answer.json()["title"]) == (403, "TokenRefused")


def test_a_token_of_one_task_reads_no_value_of_another(toolbox: Desk) -> None:
    value = toolbox.settle(task(1), invoice())
    other = own_step(task=task(2))
    path = f"/callers/critic/values/{task(1)}/{value}"

    refused = toolbox.http.get(path, headers={"txn-token": token("critic", other)})
    allowed = toolbox.http.get(path, headers={"txn-token": token("critic", own_step())})

    assert (refused.status_code, allowed.status_code) == (403, 200)


def test_nothing_is_settled_for_an_agent_without_that_agent_s_own_token(toolbox: Desk) -> None:
    body = settlement(task(1), invoice())
    wrong = token("reader", step(body, "read_einvoice"))

    for shown in ("", wrong):
        answer = toolbox.http.post(
            "/callers/reader/settle", json=body, headers={"txn-token": shown}
        )
        assert (answer.status_code, answer.json()["title"]) == (403, "TokenRefused")


def test_a_refused_token_is_in_the_audit(toolbox: Desk) -> None:
    body = settlement(task(1), invoice())

    toolbox.http.post("/callers/reader/settle", json=body, headers={"txn-token": ""})

    with toolbox.ledger.read() as entry:
        of_kind = select(AuditRow).where(AuditRow.kind == "token-refused")
        (record,) = entry.session.scalars(of_kind)
        assert record.task == task(1)
        assert b"is missing" in record.record
