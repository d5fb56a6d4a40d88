"""A canary of one specialist on the real runtime: its share, its own model, promotion, rollback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from quartet.packs.canary import canary_of
from quartet.packs.load import load
from quartet.runtime import identities
from quartet.runtime.doctor.examining import examine
from quartet.runtime.shape import running_canaries, shape_of
from tests.suite.canary import (
    BASE,
    CANARY,
    approve,
    callers,
    canary,
    pay,
    pay_much,
    settler,
    standing,
)
from tests.suite.client import PACK
from tests.suite.here import eventually
from tests.suite.running import Running, reachable_folder, running_with_canary
from tests.suite.scripted_model import ScriptedModel

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(240)]
SKILL = "specialist.settle-invoice"
NEW_WORDS = "Look twice: this is the new prompt."


def models_file(path: Path, endpoint: ScriptedModel) -> Path:
    """Write a models.yaml in which canaries alone ask an endpoint, which has a price."""
    own = {"skills": SKILL, "agents": "*-canary", "provider": "endpoint", "model": SKILL}
    rules = {"skills": "*", "provider": "playbook", "model": "playbook-1"}
    providers = {
        "endpoint": {"kind": "openai", "base_url": endpoint.base_url},
        "playbook": {"kind": "playbook"},
    }
    routes = [own | {"usd_per_million_output": "10"}, rules]
    path.write_text(yaml.safe_dump({"providers": providers, "routes": routes}))
    return path


def prompts_folder(path: Path) -> Path:
    """Write the prompt that the canary has instead of its base's."""
    path.mkdir()
    prompt = load(PACK).skill("settle-invoice").prompt
    (path / Path(prompt).name).write_text(f"{load(PACK).text(prompt)}\n{NEW_WORDS}\n")
    return path


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def running(model: ScriptedModel) -> Iterator[Running]:
    with reachable_folder("canary") as folder:
        env = {
            "models": {"QUARTET_MODELS": str(models_file(folder / "other-models.yaml", model))},
            CANARY: {"QUARTET_PROMPTS": str(prompts_folder(folder / "prompts"))},
        }
        with running_with_canary(folder, BASE, env) as product:
            yield product


def test_a_canary_gets_no_task_before_somebody_gives_it_a_share(running: Running) -> None:
    tasks = [pay(running, "none", to_canary=True) for _ in range(2)]

    views = running.client.batch_settled("none", 2)

    assert {settler(views[task]) for task in tasks} == {BASE}
    assert standing(running.client).percent == 0


def test_at_half_both_work_and_no_task_is_worked_on_by_both(running: Running) -> None:
    set_to = canary(running.client, "set", CANARY, "50", "--why", "first half")
    wanted = {pay(running, "half", to_canary=on): on for on in (True, False) * 4}

    views = running.client.batch_settled("half", len(wanted))

    assert set_to["percent"] == 50
    assert {v.shown for v in views.values()} == {"completed"}
    assert {t: settler(views[t]) for t in wanted} == {
        t: CANARY if on else BASE for t, on in wanted.items()
    }
    assert callers(running, [*wanted]) == {
        t: {CANARY} if on else {BASE} for t, on in wanted.items()
    }
    assert running.ledger_problems() == ()


def test_its_figures_stand_beside_those_of_its_base_with_the_cost_of_its_own_model(
    running: Running,
) -> None:
    (one,) = canary(running.client, "status")["canaries"]

    assert (one["figures"]["subtasks"], one["figures"]["done"]) == (4, 4)
    assert (one["base"]["subtasks"], one["base"]["done"]) == (4, 4)
    assert float(one["cost_usd"][CANARY]) > 0  # its model has a price, that of its base has none
    assert float(one["cost_usd"][BASE]) == 0
    assert one["under_way"] == 0


@pytest.mark.usefixtures("running")
def test_the_canary_alone_has_its_new_prompt_and_its_new_model(model: ScriptedModel) -> None:
    asked = model.asked(SKILL)

    assert asked
    assert len(asked) == len(model.received)
    assert all(NEW_WORDS in str(one["messages"]) for one in asked)


def test_a_change_of_the_share_is_on_record_with_its_person(running: Running) -> None:
    records = running.client.records()
    kept = [r["body"] for r in records if r["kind"] == "canary-share-set"]

    assert [(r["app_id"], r["before"], r["percent"], r["why"]) for r in kept] == [
        (CANARY, 0, 50, "first half")
    ]
    assert kept[0]["by"]


def test_rolled_back_new_tasks_go_to_the_base_and_the_canary_ends_what_it_has(
    running: Running,
) -> None:
    canary(running.client, "promote", CANARY)
    running.client.operate("pause_agent", {"app_id": CANARY, "why": "to have some under way"})
    before = [pay(running, "before") for _ in range(3)]
    before.append(pay_much(running, "before", "CANARY-HELD"))
    eventually(lambda: standing(running.client).under_way == 4, 60)

    canary(running.client, "rollback", CANARY, "--why", "it is slow")
    after = [pay(running, "after", to_canary=True) for _ in range(3)]
    views = running.client.batch_settled("after", 3)
    left = standing(running.client)

    assert {settler(views[task]) for task in after} == {BASE}
    assert {v.shown for v in views.values()} == {"completed"}
    assert (left.percent, left.under_way) == (0, 4)

    running.client.operate("resume_agent", {"app_id": CANARY})
    views = running.client.batch_settled("before", 4)

    assert {settler(view) for view in views.values()} == {CANARY}
    assert sorted(v.shown for v in views.values()) == ["completed"] * 3 + ["waiting"]
    view = approve(running, before[-1])
    assert (view.state, settler(view)) == ("completed", CANARY)
    assert standing(running.client).under_way == 0
    assert callers(running, before) == {task: {CANARY} for task in before}
    assert running.ledger_problems() == ()


def test_a_canary_that_nobody_declared_is_nobody(running: Running) -> None:
    stranger = canary_of("specialist-documents")

    def as_stranger(callee: str, verb: str) -> int:
        return running.invoke(CANARY, callee, verb, {}, named=stranger).status_code

    assert as_stranger("toolbox", "tools/match_invoice") == 403
    assert as_stranger("coordinator", "tokens") == 403
    answer = running.client.http.post(f"/canaries/{stranger}", json={"percent": 100})
    assert answer.status_code == 404


def test_a_canary_may_what_its_base_may_and_nothing_else(running: Running) -> None:
    def status(callee: str, verb: str) -> int:
        return running.invoke(CANARY, callee, verb, {}).status_code

    assert status("toolbox", "tools/match_invoice") == 422  # let in, and the message is no call
    assert status("coordinator", "tokens") == 422
    assert status("reader", "tools/read_einvoice") == 403  # its base reads no documents
    assert status("toolbox", "commit") == 403
    assert status("coordinator", f"canaries/{CANARY}") == 403


def test_the_doctor_finds_a_canary_protected_like_every_other_app(running: Running) -> None:
    shape = shape_of(PACK, running_canaries(running.data))
    alone = not identities.read(running.data).why_not

    found = [one for one in examine(running.data, shape) if one.service == CANARY]

    assert {one.check for one in found} >= {"mTLS", "component scopes", "workflow policy"}
    for one in found:
        assert one.state == "protected" or (one.check in ("own user", "secrets") and not alone), one
