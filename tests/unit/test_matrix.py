"""The app-level matrix: every verb with every caller, and paths that only look like a verb."""

import pytest

from quartet.contracts.matrix import VERBS, Verb
from quartet.packs.load import load
from quartet.service.web import allowed, verbs_of

MANIFEST = load("payables").manifest
APPS = (
    *("coordinator", "planner", "critic", "models", "reader", "toolbox", "console", "client"),
    *(s.app_id for s in MANIFEST.specialists),
)
SPECIALISTS = {"specialist-documents", "specialist-finance"}
TABLE: dict[tuple[str, str, str], set[str]] = {
    ("toolbox", "POST", "plans"): {"coordinator"},
    ("toolbox", "POST", "commit"): {"coordinator"},
    ("toolbox", "POST", "compensate"): {"coordinator"},
    ("toolbox", "POST", "tools/*"): SPECIALISTS | {"critic"},
    ("toolbox", "GET", "values/*/*"): SPECIALISTS | {"critic"},
    ("toolbox", "POST", "budgets"): {"coordinator"},
    ("toolbox", "GET", "waits/*"): {"coordinator"},
    ("toolbox", "POST", "reserve"): {"models", "reader"},
    ("toolbox", "POST", "release"): {"models", "reader"},
    ("toolbox", "POST", "settle"): {"models", "reader"},
    ("toolbox", "POST", "operations/*"): {"console"},
    ("toolbox", "POST", "record"): {"coordinator", "console", "critic"},
    ("toolbox", "GET", "tasks/*/story"): {"console"},
    ("toolbox", "GET", "audit/root"): {"coordinator"},
    ("toolbox", "GET", "audit/growth/*"): {"coordinator"},
    ("toolbox", "GET", "approvals"): {"console"},
    ("toolbox", "GET", "approvals/*"): {"console"},
    ("toolbox", "POST", "approvals/*/decide"): {"console"},
    ("toolbox", "POST", "approvals/*/assign"): {"console"},
    ("toolbox", "POST", "signed-decisions"): {"console"},
    ("toolbox", "GET", "decisions/*"): {"coordinator"},
    ("reader", "POST", "documents"): {"coordinator", "console"},
    ("reader", "POST", "tools/*"): {"specialist-documents", "critic"},
    ("models", "POST", "v1/chat/completions"): SPECIALISTS | {"planner", "critic"},
    ("specialists", "GET", "work/*"): {"coordinator"},
    ("coordinator", "POST", "tokens"): SPECIALISTS | {"planner", "critic"},
    ("coordinator", "GET", "tasks"): {"console"},
    ("coordinator", "GET", "tasks/*"): {"console"},
    ("coordinator", "GET", "tasks/*/intent"): {"console"},
    ("coordinator", "POST", "tasks/*/cancel"): {"console"},
    ("coordinator", "GET", "audit"): {"console"},
    ("coordinator", "POST", "audit/attest"): {"console"},
    ("coordinator", "GET", "audit/checkpoints/*"): {"console"},
    ("coordinator", "POST", "audit/acknowledge"): {"console"},
    ("coordinator", "POST", "owners"): {"console"},
    ("coordinator", "GET", "canaries"): {"console"},
    ("coordinator", "POST", "canaries/*"): {"console"},
    ("coordinator", "GET", "dead-letters"): {"console"},
    ("coordinator", "POST", "dead-letters/*/replay"): {"console"},
}


def test_the_table_of_this_test_is_the_whole_matrix() -> None:
    assert set(TABLE) == {(v.callee, v.method, v.path) for v in VERBS}


@pytest.mark.parametrize("verb", list(TABLE))
@pytest.mark.parametrize("caller", APPS)
def test_a_verb_is_for_its_callers_alone(verb: tuple[str, str, str], caller: str) -> None:
    callee, method, path = verb
    filled = path.replace("*", "x")
    other = "GET" if method == "POST" else "POST"
    for app in SPECIALISTS if callee == "specialists" else {callee}:
        verbs = verbs_of(app, MANIFEST)

        assert allowed(verbs, method, f"/callers/{caller}/{filled}") is (caller in TABLE[verb])
        assert not allowed(verbs, other, f"/callers/{caller}/{filled}") or (
            (callee, other, path) in TABLE
        )


@pytest.mark.parametrize("callee", APPS)
def test_no_app_serves_the_verbs_of_another(callee: str) -> None:
    assert all(v.callee == callee for v in verbs_of(callee, MANIFEST))


@pytest.mark.parametrize(
    "path",
    [
        "/callers/coordinator",
        "/callers/coordinator/",
        "/callers/coordinator/commit/",
        "/callers/coordinator//commit",
        "//callers/coordinator/commit",
        "/Callers/coordinator/commit",
        "/callers/Coordinator/commit",
        "/callers/coordinator/commit/x",
        "/callers/*/commit",
        "/callers/[a-z]*/commit",
        "/callers/coordinator/tools/a/b",
        "/callers/critic/tools/",
        "/callers/critic/values//x",
        "/callers/specialist-finance/../coordinator/commit",
        "/callers/specialist-finance/values/x",
        "/callers/critic/tools/x/../../coordinator/commit",
        "/callers/coordinator/commit\n",
        "/callers/specialists/tools/x",
        "/callers/readers/tools/x",
    ],
)
def test_what_only_looks_like_a_verb_is_none(path: str) -> None:
    assert not allowed(verbs_of("toolbox", MANIFEST), "POST", path)
    assert not allowed(verbs_of("toolbox", MANIFEST), "GET", path)


def test_a_star_is_one_segment() -> None:
    verbs = (Verb("toolbox", "GET", "values/*/*", ("critic",)),)

    assert allowed(verbs, "GET", "/callers/critic/values/a/b")
    assert not allowed(verbs, "GET", "/callers/critic/values/a")
    assert not allowed(verbs, "GET", "/callers/critic/values/a/b/c")
