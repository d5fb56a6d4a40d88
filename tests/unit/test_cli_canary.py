"""`quartet canary ...`: what is shown of a canary beside its base, and how its share is changed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey

from quartet.cli.runtime import as_it_runs
from quartet.contracts.base import Fields
from quartet.contracts.canary import CanaryView, Figures
from quartet.runtime.errors import SetupError
from quartet.runtime.issuer import make_issuer
from quartet.runtime.layout import DataFolder
from tests.unit.console_stand_in import StandIn, serving
from tests.unit.test_cli_verbs import document, quartet

BASE, CANARY = "specialist-finance", "specialist-finance-canary"
NOTHING: Fields = {"cost_usd": "0", "tokens": 0, "model_calls": 0, "tool_calls": 0}
VIEW = CanaryView(
    app_id=CANARY,
    canary_of=BASE,
    percent=20,
    by="olga",
    why="half a day",
    changed="2026-11-20T12:00:00+00:00",
    since="2026-11-20T12:00:00.500000+00:00",
    under_way=3,
    figures=Figures(subtasks=7, done=4, revised=2),
    base=Figures(subtasks=31, done=31),
)


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with serving(StandIn(canaries={CANARY: VIEW})) as stand_in:
        tasks = [
            cost("2026-11-20T11:59:59+00:00", {CANARY: "100", BASE: "100"}),
            cost("2026-11-20T12:00:00+00:00", {CANARY: "0.25", "critic": "7"}),
            cost("2026-11-20T12:30:00+00:00", {CANARY: "0.05"}),
            cost("2026-11-20T12:30:00+00:00", {BASE: "0.10"}),
        ]
        stand_in.operations["list_costs"] = {"tasks": tasks, "total": NOTHING}
        yield stand_in


@pytest.fixture
def data(tmp_path: Path, stand_in: StandIn) -> Path:
    folder = tmp_path / "data"
    make_issuer(DataFolder(folder))
    stand_in.keys = json.loads(DataFolder(folder).people_keys.read_text())
    key = OKPKey.generate_key("Ed25519", {"kid": "me"}).as_dict(private=True)
    (folder / "keys" / "client.jwk.json").write_text(json.dumps(key))
    return folder


def cost(opened: str, by_agent: dict[str, str]) -> Fields:
    return {
        "task": f"t-{'1' * 24}",
        "tenant": "default",
        "requester": "carol",
        "opened": opened,
        "spent": {**NOTHING},
        "by_agent_usd": {**by_agent},
    }


def test_a_canary_is_shown_beside_its_base_with_what_both_have_cost_since_it_began(
    stand_in: StandIn, data: Path
) -> None:
    found = document(quartet(stand_in, data, "canary", "status", "--json"))["canaries"][0]
    shown = quartet(stand_in, data, "canary", "status")

    assert found["cost_usd"] == {CANARY: "0.3", BASE: "0.1"}
    assert (found["figures"]["revised"], found["base"]["done"]) == (2, 31)
    lines = [line for line in shown.stdout.splitlines() if BASE in line]
    assert [CANARY in line for line in lines] == [True, False]
    assert "20 %" in lines[0]
    assert "80 %" in lines[1]
    assert "set by olga" in shown.stderr
    assert "3 subtasks under way" in shown.stderr


def test_without_a_canary_it_says_how_to_get_one(stand_in: StandIn, data: Path) -> None:
    stand_in.canaries.clear()

    assert "suite up --canary" in quartet(stand_in, data, "canary", "status").stderr


@pytest.mark.parametrize(
    ("words", "percent"),
    [(("set", CANARY, "35"), 35), (("promote", CANARY), 100), (("rollback", CANARY), 0)],
)
def test_one_command_sets_promotes_and_rolls_back(
    stand_in: StandIn, data: Path, words: tuple[str, ...], percent: int
) -> None:
    told = quartet(stand_in, data, "canary", *words, "--why", "a test")

    assert told.stdout == f"{CANARY} gets {percent} % of new tasks\n"
    assert stand_in.canaries[CANARY].percent == percent
    assert stand_in.canaries[CANARY].why == "a test"


def test_a_refusal_is_one_line(stand_in: StandIn, data: Path) -> None:
    told = quartet(stand_in, data, "canary", "promote", BASE)

    assert told.exit_code != 0
    assert told.stderr == f"UnknownCanary: There is no canary '{BASE}'.\n"


def test_a_suite_that_runs_keeps_the_canaries_it_was_started_with(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    data.runtime.mkdir()
    data.app_ids.write_text(json.dumps(["planner", BASE, CANARY]))

    assert as_it_runs(data, ()) == (BASE,)
    assert as_it_runs(data, (BASE,)) == (BASE,)
    with pytest.raises(SetupError, match="without a canary of specialist-documents"):
        as_it_runs(data, (BASE, "specialist-documents"))
