"""The signed chain of an effect: plan, proposal, verdict, each naming the one before by digest.

What each party signs, and whether a signature stands for it; whose it has to be is the callers'.
"""

import json
from functools import lru_cache

from quartet.contracts.base import Digest, Fields, TaskId
from quartet.contracts.effect import Registration
from quartet.contracts.work import Verdict
from quartet.trust.digest import digest
from quartet.trust.keys import Keyring
from quartet.trust.signing import NotGenuine

PLAN = "quartet-plan+jws"
PROPOSAL = "quartet-proposal+jws"
VERDICT = "quartet-verdict+jws"
TASK_S = 8 * 86_400.0
"""A task may be active for seven days, and its links are as old: keys are taken so much longer."""


def plan_statement(registration: Registration) -> Fields:
    """Return what the coordinator signs of a plan, and of everything registered with it."""
    plan, whole = _digests(registration.model_dump_json(exclude={"signature"}))
    return {"task": registration.task, "plan": plan, "registration": whole}


@lru_cache(maxsize=4096)
def _digests(registered: str) -> tuple[Digest, Digest]:
    """Return the digests of a plan and of all that is registered with it.

    Each commit of a task asks for them again; to make them takes longer than all of its checks.
    """
    whole: Fields = json.loads(registered)
    return digest(whole["plan"]), digest(whole)


def proposal_statement(task: TaskId, plan: Digest, proposal: Digest) -> Fields:
    """Return what a specialist signs of its result; the proposal digest covers the rest."""
    return {"task": task, "plan": plan, "proposal": proposal}


def verdict_statement(verdict: Verdict) -> Fields:
    """Return what the critic signs of its verdict."""
    return {
        "task": verdict.task,
        "proposal": verdict.proposal_digest,
        "decision": verdict.decision,
        "verdict": digest(verdict.model_dump(mode="json", exclude={"signature"})),
    }


def check(
    keyring: Keyring, signature: str, statement: Fields, by: str, within_s: float = TASK_S
) -> None:
    """Raise NotGenuine unless ``by`` has signed just this statement of a plan, proposal, verdict.

    The statement says which of them it is; ``within_s`` as in Keyring.verify.
    """
    typ = VERDICT if "verdict" in statement else PROPOSAL if "proposal" in statement else PLAN
    found = keyring.verify(signature, by, typ, within_s)
    if found != statement:  # nothing but texts in it, so equal is the same
        raise NotGenuine("it covers something else")
