"""Attack V17 on the real runtime: a specialist that was taken over has workflows run elsewhere.

It has that specialist's own sidecar, certificate and tokens, and still gets nothing done at others.
"""

from collections.abc import Iterator

import httpx
import pytest
from dapr.conf import settings
from dapr.ext.workflow import DaprWorkflowClient

from quartet.contracts.base import Fields
from quartet.runtime.layout import HOST
from tests.suite.client import app
from tests.suite.invoices import clean_invoice
from tests.suite.running import Running, reachable_folder, running_product

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(240)]
ROGUE = "specialist-finance"
START: Fields = {"task": f"t-{'0' * 24}", "run": "mine"}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    commands = {ROGUE: ["python3", "-m", "tests.suite.rogue_app"]}
    with reachable_folder("rogue") as folder, running_product(folder, commands) as product:
        yield product


def told(path: str, order: Fields) -> str:
    url = f"http://{HOST}:{app(ROGUE).app_port}/{path}"
    answer = httpx.post(url, json=order, timeout=90, trust_env=False)
    return str(answer.raise_for_status().json()["told"])


def attack(app_id: str, kind: str, name: str, message: Fields, instance: str = "") -> str:
    order: Fields = {"app_id": app_id, "kind": kind, "name": name, "input": message}
    return told("attack", order | {"instance": instance or f"rogue-{app_id}-{name}"})


DENIED = (
    ("planner", "activity", "draft_plan"),
    ("planner", "workflow", "draft_plan"),
    ("critic", "activity", "give_up"),
    ("critic", "activity", "take_review_turn"),
    ("critic", "workflow", "review_subtask"),
    ("specialist-documents", "activity", "take_turn"),
    ("specialist-documents", "workflow", "work"),
)


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(("app_id", "kind", "name"), DENIED)
def test_dapr_denies_it_by_policy_and_the_caller_comes_to_an_end(
    app_id: str, kind: str, name: str
) -> None:
    says = attack(app_id, kind, name, START)

    # The refusal that the caller's sidecar writes down carries no signature of the other side.
    assert says.startswith("FAILED None"), says
    assert "missing required attestation" in says


STEPS = ("claim_task", "register_plan", "record_result", "close_subtask", "finish_task")
FORGED: tuple[Fields, ...] = (START, {"seal": "0" * 64, "sent": START})


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("name", STEPS)
def test_the_coordinator_s_steps_take_messages_of_its_own_only(name: str) -> None:
    for message in FORGED:
        says = attack("coordinator", "activity", name, message)

        assert "NotSealed" in says, says


@pytest.mark.parametrize("name", ["run_task", "run_subtask"])
def test_the_coordinator_s_workflows_take_messages_of_its_own_only(
    running: Running, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    says = attack("coordinator", "workflow", name, FORGED[1], f"rogue-{name}")

    assert "no answer" in says, says  # the end of it may not come back: the rogue has a policy
    token = running.data.api_token("coordinator").read_text().strip()
    monkeypatch.setattr(settings, "DAPR_API_TOKEN", token)
    client = DaprWorkflowClient(host=HOST, port=str(app("coordinator").grpc_port))
    state = client.get_workflow_state(f"rogue-{name}")
    client.close()
    assert state is not None
    # Not begun, or refused and its end finds no taker: nothing has come of it either way.
    assert state.runtime_status.name in ("PENDING", "RUNNING", "FAILED")
    assert state.serialized_output is None


@pytest.mark.parametrize("operation", ["raise", "terminate", "pause", "resume", "purge"])
def test_an_instance_of_another_app_is_out_of_reach(running: Running, operation: str) -> None:
    task = running.client.pay(clean_invoice(f"R-{operation}"))
    ended = running.client.settled(task, within_s=90)

    says = told("reach", {"operation": operation, "instance": task})

    assert "refused" in says, says
    assert running.client.task(task).state == ended.state


@pytest.mark.parametrize("callee", ["coordinator", "planner", "critic", "specialist-documents"])
def test_no_actor_of_dapr_s_own_is_called_by_hand(running: Running, callee: str) -> None:
    token = running.data.api_token(ROGUE).read_text()
    for method in ("AddWorkflowEvent", "CreateWorkflowInstance", "PurgeWorkflowState"):
        actor = f"actors/dapr.internal.default.{callee}.workflow/some-id/method/{method}"
        answer = httpx.post(
            f"http://{HOST}:{app(ROGUE).http_port}/v1.0/{actor}",
            headers={"dapr-api-token": token},
            trust_env=False,
        )

        assert answer.status_code in (400, 403, 404), answer.text
