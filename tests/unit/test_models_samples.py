"""Every sample through reading, rules, critic and the real gate: what becomes of it; no Dapr."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from packs.payables.catalogue import Catalogue, Sample
from packs.payables.master import plain
from packs.payables.reading import read
from packs.payables.sampling import shuffled
from packs.payables.unreadable import UnreadableDocument
from quartet.contracts.base import Fields, Json
from quartet.contracts.effect import Outcome
from quartet.contracts.plan import Plan
from quartet.contracts.work import Verdict, WorkResult
from quartet.packs.load import load
from quartet.testing.signing import judged
from quartet.trust.digest import digest, proposal_digest
from services.models.provider import Provider
from services.models.providers.obey import Obedient
from services.models.providers.playbook import playbook_of
from tests.seeds import run_seed
from tests.unit import payables_desk, toolbox_desk

PACK = load("payables")
SEEDS = [0, 1, 2, run_seed()]
TOLD = {
    ("schedule_payment", "applied"): "scheduled",
    ("schedule_payment", "held"): "held-for-approval",
    ("schedule_payment", "duplicate"): "duplicate",
    ("schedule_credit", "applied"): "credited",
    ("hold_invoice", "applied"): "held",
    ("ask_about_invoice", "applied"): "asked",
}


@dataclass
class Agents:
    """The agents of one task, as Dapr would run them, on a toolbox that is really there."""

    toolbox: toolbox_desk.Desk
    model: Provider
    task: str

    def run(self, sample: Sample) -> str:
        """Return the outcome of one document, in the words of the catalogue."""
        document = digest(sample.content)
        task: Json = {"goal": "Pay what is due.", "documents": [{"digest": document}]}
        plan = Plan.model_validate(self.ask("planner.draft_plan", {"task": task}))
        self.plan = plan
        self.toolbox.register(self.task, plan)
        first, second = (s.model_dump(mode="json") for s in plan.subtasks)
        reading = self.work("specialist.read-invoice", sample, {"subtask": first, "given": []})
        if self.review("critic.read-invoice", first, [], reading).decision != "accept":
            return "rejected"
        if reading.decision not in plan.subtasks[1].when[0].decisions:
            return "failed"
        given: list[Json] = [
            {"subtask": "read", "decision": reading.decision, "values": [*reading.values]}
        ]
        result = self.work("specialist.settle-invoice", sample, {"subtask": second, "given": given})
        verdict = self.review("critic.settle-invoice", second, given, result)
        if verdict.decision != "accept":
            return "rejected"
        return self.commit(result, verdict)

    def commit(self, result: WorkResult, verdict: Verdict) -> str:
        sent = toolbox_desk.order(self.task, result, planned=self.plan)
        sent = sent.model_copy(update={"verdict": verdict})
        body = sent.model_dump(mode="json")
        answer = self.toolbox.http.post("/callers/coordinator/commit", json=body)
        if answer.is_error:
            return "refused"
        outcome = Outcome.model_validate(answer.json())
        return TOLD[(outcome.tool, outcome.status)]

    def work(self, skill: str, sample: Sample, material: Fields) -> WorkResult:
        kind = PACK.skill(skill.partition(".")[2])
        return WorkResult.model_validate(self.ask(skill, material, *kind.tools, sample=sample))

    def review(self, skill: str, subtask: Json, given: list[Json], result: WorkResult) -> Verdict:
        evidence: list[Json] = [
            self.toolbox.value(self.task, v).model_dump(mode="json") for v in result.values
        ]
        order: Json = {"task": self.task, "subtask": subtask, "attempt": 1, "given": given}
        review: Json = {"order": order, "result": result.model_dump(mode="json")}
        said = self.ask(skill, {"review": review, "evidence": evidence})
        name = "read" if "read" in skill else "settle"
        bound: Fields = {
            "task": self.task,
            "subtask": name,
            "attempt": 1,
            "proposal_digest": proposal_digest(digest(self.plan), self.task, name, 1, result),
        }
        return judged(Verdict.model_validate(bound | said))

    def ask(
        self, skill: str, material: Fields, *tools: str, sample: Sample | None = None
    ) -> Fields:
        def answer(tool: str, arguments: Fields) -> Json:
            return self.call(tool, arguments, sample)

        return payables_desk.converse(self.model, skill, material, tools, answer)

    def call(self, tool: str, arguments: Fields, sample: Sample | None) -> Json:
        if tool == "read_einvoice" and sample is not None:
            try:
                content = read(sample.content)
            except UnreadableDocument as error:
                return {"error": {"title": "UnreadableDocument", "detail": str(error)[:400]}}
            value = self.toolbox.settle(self.task, content, digest(sample.content))
            return {"value": value, "result": content.model_dump(mode="json")}
        body: Fields = {"task": self.task, "subtask": "settle", "attempt": 1}
        path = f"/callers/specialist-finance/tools/{tool}"
        answer = self.toolbox.http.post(path, json={**body, "arguments": arguments})
        found: Fields = answer.json()
        if answer.is_error:
            return {"error": {"title": found["title"], "detail": found["detail"]}}
        return found


@contextmanager
def suite(catalogue: Catalogue, folder: Path) -> Iterator[toolbox_desk.Desk]:
    with toolbox_desk.opened(f"sqlite:///{folder / 'ledger.db'}", folder) as toolbox:
        toolbox.operate("load_books", json.loads(json.dumps(plain(catalogue.books))))
        yield toolbox


def outcomes(catalogue: Catalogue, model: Provider, toolbox: toolbox_desk.Desk) -> dict[str, str]:
    """Return what became of each case."""
    return {
        sample.case: Agents(toolbox, model, toolbox_desk.task(n)).run(sample)
        for n, sample in enumerate(catalogue.samples)
    }


def payments(toolbox: toolbox_desk.Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(json.dumps(toolbox.operate("list_payments")))[
        "payments"
    ]
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_every_sample_comes_to_its_expected_outcome_whatever_its_names_and_numbers(
    seed: int, tmp_path: Path
) -> None:
    catalogue = shuffled(seed)

    with suite(catalogue, tmp_path) as toolbox:
        came_to = outcomes(catalogue, playbook_of(PACK), toolbox)
        paid = {(p["number"], p["amount"], p["iban"]) for p in payments(toolbox)}
        problems = toolbox.problems()

    assert came_to == {sample.case: sample.outcome for sample in catalogue.samples}
    assert {
        (s.number, s.payable, s.pays_to) for s in catalogue.samples if s.outcome == "scheduled"
    } <= paid
    assert problems == ()


def test_a_model_that_obeys_what_it_reads_pays_nobody_but_the_vendor_master(tmp_path: Path) -> None:
    catalogue = shuffled(0)

    with suite(catalogue, tmp_path) as toolbox:
        came_to = outcomes(catalogue, Obedient(playbook_of(PACK)), toolbox)
        paid = payments(toolbox)
        problems = toolbox.problems()

    accounts = {vendor.iban for vendor in catalogue.books.vendors}
    assert {p["iban"] for p in paid} <= accounts
    assert came_to["hidden-instruction"] in ("scheduled", "refused")
    for case in ("wrong-arithmetic", "changed-account", "unknown-vendor", "blocked-vendor"):
        assert came_to[case] not in ("scheduled", "credited")
    assert problems == ()
