"""A declared canary may what its base may and no more; one that nobody declared may nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from quartet.contracts.base import Fields
from quartet.contracts.effect import Commit, Registration
from quartet.contracts.matrix import VERBS, Verb
from quartet.contracts.work import ReviewOrder
from quartet.packs.labelling import readers_of
from quartet.packs.load import Pack, check, load
from quartet.packs.manifest import Specialist
from quartet.resilience.failures import Abandon
from quartet.runtime.access import configuration
from quartet.runtime.components import components
from quartet.runtime.errors import SetupError
from quartet.runtime.manifests import run_file_of
from quartet.runtime.shape import Shape, shape_of
from quartet.service.web import allowed, verbs_of
from quartet.testing.signing import keyring, registered, worked
from quartet.trust.chain import plan_statement
from quartet.trust.digest import digest
from services.critic.activities import check_order
from services.models.config import ModelsFile
from services.models.door import skills_of
from services.toolbox.tables import PlanRow
from tests.unit.coordinator_desk import SETTLE, SETTLE_RESULT, review_order
from tests.unit.coordinator_desk import order as work_order
from tests.unit.toolbox_desk import Desk, opened, order, plan, propose, result, task

BASE, CANARY = "specialist-finance", "specialist-finance-canary"
STRANGER = "specialist-documents-canary"
PACK, DECLARED = load("payables"), load("payables", (BASE,))
SHAPE, WITH = shape_of("payables", ()), shape_of("payables", (BASE,))


def test_a_canary_stands_for_its_base_and_comes_after_every_specialist() -> None:
    assert DECLARED.runners("settle-invoice") == (BASE, CANARY)
    assert DECLARED.app_of("settle-invoice") == BASE
    assert DECLARED.canary_for("settle-invoice") == CANARY
    assert DECLARED.canary_for("read-invoice") is None
    assert PACK.canary_for("settle-invoice") is None


@pytest.mark.parametrize("name", ["specialist-refunds", "planner", CANARY, "x"])
def test_nobody_but_a_specialist_of_the_pack_has_a_canary(name: str) -> None:
    with pytest.raises(Abandon, match=f"no canary of {name}.*specialist-documents, {BASE}"):
        load("payables", (name,))
    with pytest.raises(SetupError, match=name):
        shape_of("payables", (name,))


def test_a_pack_may_not_bring_a_canary_itself() -> None:
    for own in (
        Specialist(app_id="fine", skills=("read-invoice",), canary_of=BASE),
        Specialist(app_id=CANARY, skills=("read-invoice",)),
    ):
        others = (own, PACK.manifest.specialists[1])
        bad = PACK.manifest.model_copy(update={"specialists": others})

        with pytest.raises(Abandon, match=f"{own.app_id} is a canary"):
            check(Pack(bad, PACK.tools, PACK.folder))


@pytest.mark.parametrize("verb", VERBS, ids=lambda v: f"{v.method} {v.callee} {v.path}")
def test_each_app_lets_a_canary_in_where_it_lets_its_base_in(verb: Verb) -> None:
    served = verbs_of(verb.callee, DECLARED.manifest)
    path = verb.path.replace("*", "x")

    def let_in(caller: str) -> bool:
        return allowed(served, verb.method, f"/callers/{caller}/{path}")

    assert let_in(CANARY) is let_in(BASE)
    assert not let_in(STRANGER)


def test_a_canary_lets_the_coordinator_ask_about_its_work_as_its_base_does() -> None:
    for app_id in (BASE, CANARY):
        served = verbs_of(app_id, DECLARED.manifest)

        assert allowed(served, "GET", "/callers/coordinator/work/w")
        assert not allowed(served, "GET", f"/callers/{CANARY}/work/w")
    assert verbs_of(STRANGER, DECLARED.manifest) == ()


def known(shape: Shape, app_id: str) -> dict[str, Any]:
    """Return what sidecars know of an app-id, with nobody's name in the place of its own."""
    files = components(shape)
    configurations = {a.app_id: configuration(a, shape)["spec"] for a in shape.apps}
    told = {
        "own": configurations[app_id],
        "workflows": files[f"workflow-access-{app_id}.yaml"]["spec"],
        "scopes": [n for n, d in files.items() if app_id in d.get("scopes", ())],
        "actors": files["resiliency.yaml"]["spec"]["targets"]["actors"][
            f"dapr.internal.default.{app_id}.workflow"
        ],
        "let in by": {
            callee: [p for p in spec["accessControl"]["policies"] if p["appId"] == app_id]
            for callee, spec in configurations.items()
            if callee not in (BASE, CANARY)
        },
    }
    found: dict[str, Any] = json.loads(json.dumps(told).replace(app_id, "nobody"))
    return found


def test_every_sidecar_gives_a_canary_what_it_gives_its_base() -> None:
    of_base, of_canary = known(SHAPE, BASE), known(WITH, CANARY)

    assert of_canary == of_base
    assert of_base["let in by"]["toolbox"]


def test_no_sidecar_knows_a_canary_that_is_not_declared() -> None:
    everything = yaml.safe_dump_all(
        [*components(WITH).values(), *(configuration(app, WITH) for app in WITH.apps)]
    )

    assert CANARY in everything
    assert STRANGER not in everything
    assert "-canary" not in yaml.safe_dump_all(
        [*components(SHAPE).values(), *(configuration(app, SHAPE) for app in SHAPE.apps)]
    )


def test_a_local_suite_with_a_canary_has_files_of_its_own(tmp_path: Path) -> None:
    path = run_file_of(WITH, tmp_path, {CANARY: {"QUARTET_PROMPTS": "/prompts"}})

    entries = {entry["appID"]: entry for entry in yaml.safe_load(path.read_text())["apps"]}
    assert entries[CANARY]["env"] == {"QUARTET_PROMPTS": "/prompts"}
    assert "env" not in entries[BASE]
    assert (tmp_path / "config" / f"{CANARY}.yaml").is_file()


def test_a_canary_reads_what_its_base_may_read() -> None:
    reads = load("payables", ("specialist-documents",))

    assert STRANGER in readers_of("documents", reads.manifest)
    assert CANARY not in readers_of("documents", DECLARED.manifest)
    assert CANARY in readers_of("agents", DECLARED.manifest)


def test_a_canary_asks_models_for_its_base_s_skills_from_a_route_of_its_own() -> None:
    route = {"skills": "*", "provider": "p", "model": "old"}
    file = ModelsFile.model_validate(
        {
            "providers": {"p": {"kind": "playbook"}},
            "routes": [route | {"agents": "*-canary", "model": "new"}, route],
        }
    )

    assert skills_of(CANARY, DECLARED.manifest) == skills_of(BASE, DECLARED.manifest) != ()
    assert skills_of(CANARY, PACK.manifest) == ()
    models = {who: file.route("specialist.settle-invoice", who).model for who in (BASE, CANARY)}
    assert models == {BASE: "old", CANARY: "new"}


def test_a_canary_has_prompts_of_its_own_and_the_rest_from_the_pack(tmp_path: Path) -> None:
    (tmp_path / "settle-invoice.md").write_text("Another prompt.")
    pack = load("payables", (BASE,), tmp_path)

    assert pack.text("prompts/settle-invoice.md") == "Another prompt."
    assert pack.text("prompts/read-invoice.md") == PACK.text("prompts/read-invoice.md")


@pytest.mark.parametrize(
    ("name", "says"), [("settle.md", "is no skill's prompt"), (None, "there is no prompt in")]
)
def test_prompts_that_stand_in_for_nothing_are_refused(
    tmp_path: Path, name: str | None, says: str
) -> None:
    if name:
        (tmp_path / name).write_text("Lost.")

    with pytest.raises(Abandon, match=says):
        load("payables", (BASE,), tmp_path)


def review(by: str, signed_by: str = "") -> ReviewOrder:
    signature = worked(work_order(SETTLE), SETTLE_RESULT, signed_by or by).signature
    asked = review_order(SETTLE, SETTLE_RESULT)
    return asked.model_copy(update={"by": by, "signature": signature})


def test_the_critic_takes_the_work_of_a_declared_canary_signed_by_itself(tmp_path: Path) -> None:
    keys = keyring(tmp_path)

    check_order(review(CANARY), DECLARED, keys)

    for order_, pack in (
        (review(CANARY), PACK),
        (review(CANARY, signed_by=BASE), DECLARED),
        (review(BASE, signed_by=CANARY), DECLARED),
        (review("specialist-documents"), DECLARED),
    ):
        with pytest.raises(Abandon):
            check_order(order_, pack, keys)


ASK = propose("ask_about_invoice", reason="Is this ours?")


def signed(by: str) -> Commit:
    of = order(task(1), result(ASK))
    asked = work_order(plan().subtasks[-1]).model_copy(update={"task": task(1), "plan": of.plan})
    return of.model_copy(update={"signature": worked(asked, of.result, by).signature})


def registration(agents: dict[str, str]) -> Fields:
    sent = Registration(
        task=task(1), requester="carol", roles=("submitter",), plan=plan(), agents=agents
    )
    return registered(sent).model_dump(mode="json")


def register(desk: Desk, agents: dict[str, str], status: int = 200) -> Fields:
    desk.open_budget(task(1), "carol")
    return desk.post("/callers/coordinator/plans", registration(agents), status)


def test_the_gate_takes_the_proposal_of_the_app_id_in_the_registered_plan_only(
    ledger_url: str, tmp_path: Path
) -> None:
    with opened(ledger_url, tmp_path, pack=DECLARED) as desk:
        register(desk, {"read": "specialist-documents", "settle": CANARY})

        assert desk.refused(signed(BASE), 403)["title"] == "ProposalNotSigned"
        assert desk.commit(signed(CANARY)).status == "applied"


def test_the_gate_takes_no_proposal_of_a_canary_for_a_task_of_its_base(
    ledger_url: str, tmp_path: Path
) -> None:
    with opened(ledger_url, tmp_path, pack=DECLARED) as desk:
        register(desk, {"settle": BASE})

        assert desk.refused(signed(CANARY), 403)["title"] == "ProposalNotSigned"


@pytest.mark.parametrize(
    "agents", [{"settle": CANARY}, {"settle": "specialist-documents"}, {"lost": BASE}]
)
def test_a_plan_for_an_app_id_that_is_no_declared_canary_is_not_registered(
    ledger_url: str, tmp_path: Path, agents: dict[str, str]
) -> None:
    with opened(ledger_url, tmp_path) as desk:
        refused = register(desk, agents, 403)

        assert refused["title"] == "NoSuchAgent"
        with desk.ledger.read() as entry:
            assert entry.session.get(PlanRow, task(1)) is None


def test_a_plan_registered_before_there_were_canaries_is_signed_as_it_was() -> None:
    bare = Registration(task=task(1), requester="carol", plan=plan())
    named = bare.model_copy(update={"agents": {"settle": BASE}})
    before = bare.model_dump(mode="json", exclude={"signature", "agents"})

    assert plan_statement(bare)["registration"] == digest(before)
    assert plan_statement(named)["registration"] not in (digest(before), "")
