import json

import pytest

from quartet.contracts.base import Fields
from quartet.resilience.failures import Abandon
from quartet.testing.asking import asked, used
from services.models.provider import Route, Usage
from services.models.providers.playbook import Playbook
from services.models.providers.rules import compile_playbook

ROUTE = Route("rules", "playbook")
TEXT = """
about: Rules of a test.
skills:
  planner.draft_plan:
    let:
      found: results.look[-1]
      twice: "[found.result, found.result]"
    rules:
      - name: look first
        when: "!found"
        call:
          - tool: look
            arguments: {at: "=input.place", sure: true}
          - tool: listen
      - name: then tell
        when: "found.result && !feedback"
        answer:
          seen: "=twice"
          literal: plain
          nested: [{calls: "=length(calls)"}, "=tools"]
"""


def playbook(text: str = TEXT) -> Playbook:
    return Playbook(compile_playbook(text, "playbook.yaml"))


def test_a_rule_calls_tools_side_by_side_with_arguments_from_the_request() -> None:
    done = playbook().complete(asked("planner.draft_plan", {"place": "here"}), ROUTE)

    assert done.finish_reason == "tool_calls"
    assert done.message.tool_calls is not None
    calls = [(u.function.name, json.loads(u.function.arguments)) for u in done.message.tool_calls]
    assert calls == [("look", {"at": "here", "sure": True}), ("listen", {})]
    assert len({use.id for use in done.message.tool_calls}) == 2


def test_an_answer_is_filled_from_what_the_tools_gave() -> None:
    said = used("look", {"at": "here"}, {"value": "v", "result": "a door"})

    done = playbook().complete(
        asked("planner.draft_plan", {"place": "here"}, *said, look={}, listen={}), ROUTE
    )

    assert json.loads(done.message.content or "") == {
        "seen": ["a door", "a door"],
        "literal": "plain",
        "nested": [{"calls": 1}, ["look", "listen"]],
    }
    assert done.finish_reason == "stop"


def test_it_uses_no_tokens_and_says_so() -> None:
    done = playbook().complete(asked("planner.draft_plan", {"place": "here"}), ROUTE)

    assert done.usage == Usage(0, 0)
    assert float(ROUTE.spend(done.usage).cost_usd) == 0


@pytest.mark.parametrize(
    ("skill", "material"),
    [("critic.unheard-of", {}), ("planner.draft_plan", {"feedback": "Do it otherwise."})],
)
def test_where_no_rule_fits_the_skill_is_named(skill: str, material: Fields) -> None:
    said = used("look", {}, {"result": "a door"})

    with pytest.raises(Abandon) as refused:
        playbook().complete(asked(skill, material, *said), ROUTE)

    assert (refused.value.failure.cause, refused.value.failure.title) == ("model", "NoRuleFits")
    assert skill in refused.value.failure.detail


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("input.place", "input..place"), "look first"),
        (("!found", "!found.result"), "write !(a.b)"),
        (("!found", "!found[?result]"), "write !(a.b)"),
        (("literal: plain", 'literal: "=]"'), "then tell"),
        (("results.look[-1]", "results.look["), "found"),
        (("answer:", "reply:"), "reply"),
        (("        call:", "        answer: {a: 1}\n        call:"), "either `call` or `answer`"),
        (("about: Rules of a test.", "about: ["), "playbook.yaml"),
    ],
)
def test_a_bad_playbook_is_refused_at_start_with_the_place(
    wrong: tuple[str, str], says: str
) -> None:
    with pytest.raises(Abandon) as refused:
        playbook(TEXT.replace(*wrong))

    assert says in refused.value.failure.detail
    assert refused.value.failure.title == "BadPlaybook"
