from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from quartet.contracts.base import Fields
from quartet.contracts.chat import ChatAnswer, Message
from quartet.packs.load import load
from quartet.resilience.failures import Abandon, RetryLater
from quartet.service.settings import MODELS_FILE, Settings
from quartet.testing.asking import TASK, asked
from quartet.testing.settling import SettlingToolbox
from quartet.testing.signing import keyring
from services.models.app import build
from services.models.config import ModelsFile, read
from services.models.door import Door
from services.models.provider import Completion, Route, Usage
from tests.unit.signing_client import SigningClient

PACK = load("payables")
SYNTHESIS: Fields = {"task": {}, "subtasks": [{"id": "a", "outcomes": ["paid"], "decision": "pay"}]}
TOKEN = {"dapr-api-token": "app"}


class NoSecrets:
    def secret(self, store: str, name: str) -> str:
        raise AssertionError(f"{store}/{name} is not needed here")


class Fixed:
    """A provider that always says the same."""

    def __init__(self, usage: Usage) -> None:
        self.usage = usage
        self.routes: list[Route] = []

    def complete(self, _: object, route: Route) -> Completion:
        self.routes.append(route)
        return Completion(Message(role="assistant", content="fine"), "stop", self.usage)


def routes(*entries: Fields) -> ModelsFile:
    return ModelsFile.model_validate(
        {"providers": {"fixed": {"kind": "playbook"}}, "routes": list(entries)}
    )


def to(skills: str, model: str, **more: str) -> Fields:
    return {"skills": skills, "provider": "fixed", "model": model, **more}


def door(file: ModelsFile, usage: Usage, toolbox: SettlingToolbox) -> tuple[Door, Fixed]:
    fixed = Fixed(usage)
    return Door(file, {"fixed": fixed}, toolbox, PACK.manifest), fixed


@contextmanager
def serving(models: Path, toolbox: SettlingToolbox) -> Iterator[SigningClient]:
    with TemporaryDirectory() as data:
        keyring(Path(data))
        settings = Settings("models", 1, 2, 3, Path(data), models=models, app_token="app")
        with SigningClient(build(settings, PACK, toolbox, NoSecrets())) as client:
            yield client


def test_cost_is_settled_to_a_billionth_of_a_dollar_with_the_answer_and_who_asked() -> None:
    toolbox = SettlingToolbox()
    prices = {"usd_per_million_input": "3.00", "usd_per_million_output": "15.00"}
    at, _ = door(routes(to("*", "m-1", **prices)), Usage(1234, 567, "m-1-2026"), toolbox)

    answer = at.complete("critic", asked("critic.read-invoice", {}))

    (settled,) = toolbox.settled
    assert Decimal(answer.spend.cost_usd) == Decimal("0.012207")
    assert settled.spend == answer.spend
    assert (answer.spend.model, answer.spend.provider) == ("m-1-2026", "fixed")
    assert (settled.caller, settled.tool, settled.task) == ("critic", "critic.read-invoice", TASK)
    assert settled.value == {
        "message": {"role": "assistant", "content": "fine"},
        "finish_reason": "stop",
        "refusal": "",
        "id": "",
    }


def test_a_cost_is_never_rounded_down() -> None:
    spend = Route("p", "m", Decimal("0.000001")).spend(Usage(1, 0))

    assert spend.cost_usd == "0.000000001"


def test_the_first_route_that_fits_is_taken() -> None:
    file = routes(to("critic.*", "large"), to("*.read-invoice", "small"), to("*", "other"))
    at, fixed = door(file, Usage(), SettlingToolbox())

    for caller, skill in (
        ("critic", "critic.read-invoice"),
        ("specialist-documents", "specialist.read-invoice"),
        ("planner", "planner.draft_plan"),
    ):
        at.complete(caller, asked(skill, {}))

    assert [r.model for r in fixed.routes] == ["large", "small", "other"]


def test_a_skill_without_a_route_is_named() -> None:
    with pytest.raises(Abandon, match=r"planner\.synthesize"):
        routes(to("critic.*", "m")).route("planner.synthesize")


@pytest.mark.parametrize(
    ("caller", "skill"),
    [
        ("planner", "critic.read-invoice"),
        ("specialist-documents", "specialist.settle-invoice"),
        ("specialist-finance", "critic.settle-invoice"),
        ("critic", "planner.draft_plan"),
    ],
)
def test_nobody_asks_in_the_name_of_another(caller: str, skill: str) -> None:
    toolbox = SettlingToolbox()
    at, fixed = door(routes(to("*", "m")), Usage(), toolbox)

    with pytest.raises(Abandon) as refused:
        at.complete(caller, asked(skill, {}))

    assert (refused.value.failure.cause, refused.value.problem().status) == ("policy", 403)
    assert (fixed.routes, toolbox.settled) == ([], [])


def test_without_the_toolbox_there_is_no_answer() -> None:
    away = SettlingToolbox(failure=RetryLater("away", cause="network"))
    at, _ = door(routes(to("*", "m")), Usage(), away)

    with pytest.raises(RetryLater):
        at.complete("planner", asked("planner.synthesize", {}))


def test_the_service_answers_from_the_playbook_as_it_comes() -> None:
    toolbox = SettlingToolbox()
    request = asked("planner.synthesize", SYNTHESIS).model_dump(mode="json")

    with serving(MODELS_FILE, toolbox) as client:
        got = client.post("/callers/planner/v1/chat/completions", json=request, headers=TOKEN)

    answer = ChatAnswer.model_validate_json(got.content)
    assert answer.message.content == '{"summary": "paid"}'
    assert answer.spend.input_tokens == 0
    assert Decimal(answer.spend.cost_usd) == 0
    assert len(toolbox.settled) == 1


def test_failures_come_as_problem_documents() -> None:
    request = asked("planner.synthesize", SYNTHESIS).model_dump(mode="json")
    wrong = asked("critic.read-invoice", {}).model_dump(mode="json")
    away = SettlingToolbox(failure=RetryLater("away", cause="network", after=3.0))

    with serving(MODELS_FILE, away) as client:
        path = "/callers/planner/v1/chat/completions"
        got = [
            client.post(path, json=request, headers=TOKEN),
            client.post(path, json=wrong, headers=TOKEN),
            client.post(path, json={"messages": []}, headers=TOKEN),
            client.post(path.replace("planner", "reader"), json=request, headers=TOKEN),
            client.post(path, json=request),
        ]

    assert [g.status_code for g in got] == [503, 403, 422, 403, 401]
    assert {g.headers["content-type"] for g in got} == {"application/problem+json"}
    assert got[0].headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("providers: [", "no YAML"),
        ("providers: {}\nroutes: []", "providers"),
        ("providers: {a: {kind: magic}}\nroutes: []", "magic"),
        ("providers: {a: {kind: openai, base_url: 'ftp://x'}}\nroutes: []", "base_url"),
        ("providers: {a: {kind: openai, base_url: 'http://h:99999/'}}\nroutes: []", "base_url"),
        ("providers: {a: {kind: openai, base_url: 'http://h/', key: sk-1}}\nroutes: []", "key"),
        (
            "providers: {a: {kind: playbook}}\nroutes: [{skills: '*', provider: b, model: m}]",
            "unknown provider 'b'",
        ),
        (
            "providers: {a: {kind: obey, of: b}}\nroutes: [{skills: '*', provider: a, model: m}]",
            "unknown provider 'b'",
        ),
        (
            "providers: {a: {kind: obey, of: a}}\nroutes: [{skills: '*', provider: a, model: m}]",
            "itself wraps",
        ),
        (
            "providers: {a: {kind: playbook}}\nroutes: [{skills: '*', provider: a, model: m,"
            " usd_per_million_input: 0.5}]",
            "usd_per_million_input",
        ),
    ],
)
def test_a_bad_models_file_is_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(Abandon) as refused:
        read(path)

    line = str(refused.value)
    assert says in line
    assert str(path) in line
    assert "\n" not in line


def test_a_missing_models_file_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(Abandon, match="QUARTET_MODELS"):
        read(tmp_path / "none.yaml")
