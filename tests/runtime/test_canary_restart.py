"""What a canary has under way outlives everything: a restart on new code, and the canary's end."""

from pathlib import Path

import pytest

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
from tests.suite.here import eventually
from tests.suite.running import running_product, running_with_canary

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(480)]  # it starts three suites


def test_a_canary_s_runs_end_on_its_new_code_and_its_held_proposals_when_it_is_gone(
    tmp_path: Path,
) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "settle-invoice.md").write_text("A newer prompt.")

    with running_with_canary(tmp_path, BASE, {}) as first:
        canary(first.client, "promote", CANARY)
        held = pay_much(first, "held", "HELD-BY-A-CANARY")
        first.client.batch_settled("held", 1)
        first.client.operate("pause_agent", {"app_id": CANARY})
        under_way = pay(first, "under-way")
        eventually(lambda: standing(first.client).under_way == 2, 60)

    with running_with_canary(tmp_path, BASE, {CANARY: {"QUARTET_PROMPTS": str(prompts)}}) as again:
        assert standing(again.client).percent == 100
        again.client.operate("resume_agent", {"app_id": CANARY})
        view = again.client.batch_settled("under-way", 1)[under_way]
        assert (view.shown, settler(view)) == ("completed", CANARY)
        assert callers(again, [under_way]) == {under_way: {CANARY}}

    with running_product(tmp_path) as without:
        assert canary(without.client, "status") == {"canaries": []}
        view = approve(without, held)
        assert (view.state, settler(view)) == ("completed", CANARY)
        new = pay(without, "new")
        assert settler(without.client.batch_settled("new", 1)[new]) == BASE
        assert without.ledger_problems() == ()
