"""`quartet budget`, `cost`, `agent`, and what `task show` says of money."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey

from quartet.contracts.base import Fields, Json
from quartet.runtime.issuer import make_issuer
from quartet.runtime.layout import DataFolder
from tests.unit.console_stand_in import StandIn, serving
from tests.unit.test_cli_verbs import document, quartet

NOTHING: Fields = {"cost_usd": "0", "tokens": 0, "model_calls": 0, "tool_calls": 0}


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with serving(StandIn()) as stand_in:
        yield stand_in


@pytest.fixture
def data(tmp_path: Path, stand_in: StandIn) -> Path:
    folder = tmp_path / "data"
    make_issuer(DataFolder(folder))
    stand_in.keys = json.loads(DataFolder(folder).people_keys.read_text())
    key = OKPKey.generate_key("Ed25519", {"kid": "me"}).as_dict(private=True)
    (folder / "keys" / "client.jwk.json").write_text(json.dumps(key))
    return folder


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "one.xml").write_text("<one/>")
    return folder


def account(task: str) -> Fields:
    return {
        "scope": "task",
        "name": task,
        "spent": NOTHING | {"cost_usd": "0.25", "tokens": 120, "model_calls": 1},
        "reserved": {**NOTHING},
        "limits": NOTHING | {"cost_usd": "5"},
        "waits_for": "a person",
    }


def cost(task: str, usd: str) -> Fields:
    return {
        "task": task,
        "tenant": "default",
        "requester": "carol",
        "opened": "2026-11-25T12:00:00+00:00",
        "spent": NOTHING | {"cost_usd": usd},
        "by_agent_usd": {"critic": usd},
    }


def submitted(stand_in: StandIn, data: Path, inbox: Path) -> str:
    quartet(stand_in, data, "submit", str(inbox / "one.xml"))
    (name,) = stand_in.tasks
    return name


def test_a_shown_task_says_what_it_has_cost(stand_in: StandIn, data: Path, inbox: Path) -> None:
    name = submitted(stand_in, data, inbox)
    stand_in.operations["show_budgets"] = {"accounts": [account(name)]}

    shown = quartet(stand_in, data, "task", "show", name).stdout

    assert "0.25 of 5 USD, 120 tokens, 1 model calls, 0 tool calls" in shown
    assert "a person" in shown


def test_budgets_are_shown(stand_in: StandIn, data: Path) -> None:
    stand_in.operations["show_budgets"] = {"accounts": [account(f"t-{'1' * 24}")]}

    shown = quartet(stand_in, data, "budget", "show").stdout
    found = document(quartet(stand_in, data, "budget", "show", "--task", "t-1", "--json"))

    assert "0.25" in shown
    assert found["accounts"][0]["waits_for"] == "a person"


def test_the_cost_of_each_success_carries_that_of_the_failures(
    stand_in: StandIn, data: Path, inbox: Path
) -> None:
    done, lost = submitted(stand_in, data, inbox), f"t-{'2' * 24}"
    total = NOTHING | {"cost_usd": "0.5"}
    tasks: list[Json] = [cost(done, "0.2"), cost(lost, "0.3")]
    stand_in.operations["list_costs"] = {"tasks": tasks, "total": total}

    told = quartet(stand_in, data, "cost").stdout
    found = document(quartet(stand_in, data, "cost", "--json"))

    assert told.rstrip().endswith("2 tasks, 0.5 USD; 1 succeeded, 0.500000000 USD each")
    assert found["succeeded"] == 1


def test_agents_are_listed_paused_and_resumed(stand_in: StandIn, data: Path) -> None:
    agent: Fields = {"app_id": "critic", "state": "paused", "why": "it loops", "by": "monitor"}
    stand_in.operations["list_agents"] = {"agents": [agent]}
    stand_in.operations["pause_agent"] = agent
    stand_in.operations["resume_agent"] = agent | {"state": "running"}

    listed = quartet(stand_in, data, "agent", "list").stdout
    paused = quartet(stand_in, data, "agent", "pause", "critic", "--why", "odd").stdout
    resumed = quartet(stand_in, data, "agent", "resume", "critic").stdout

    assert "it loops (monitor)" in listed
    assert paused == "critic is paused\n"
    assert resumed == "critic is running\n"


def test_a_task_that_asks_for_money_is_answered(stand_in: StandIn, data: Path) -> None:
    stand_in.operations["allow_budget"] = {"says": "t-1: more money is allowed"}

    told = quartet(stand_in, data, "budget", "allow", "t-1", "--why", "worth it").stdout

    assert told == "t-1: more money is allowed\n"
