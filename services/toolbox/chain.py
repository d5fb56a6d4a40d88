"""The gate's check of the signed chain: plan, proposal, verdict, each by whom it has to be."""

from dataclasses import dataclass
from math import inf

from quartet.contracts.effect import Commit, Registration
from quartet.packs.load import Pack
from quartet.trust.chain import (
    TASK_S,
    check,
    plan_statement,
    proposal_statement,
    verdict_statement,
)
from quartet.trust.keys import Keyring
from quartet.trust.signing import NotGenuine
from services.toolbox.gate import Call
from services.toolbox.plans import agent_of, registration_of
from services.toolbox.refusals import PolicyRefusal
from services.toolbox.tables import PlanRow

COORDINATOR, CRITIC = "coordinator", "critic"


def check_registration(keyring: Keyring, sent: Registration) -> None:
    """Refuse a plan that the coordinator has not signed, with all that is registered with it."""
    try:
        check(keyring, sent.signature, plan_statement(sent), COORDINATOR)
    except NotGenuine as error:
        raise PolicyRefusal(
            f"The plan of {sent.task} is not signed by the coordinator: {error}.", "PlanNotSigned"
        ) from error


@dataclass(frozen=True)
class Chain:
    """Who has to have signed what, for one pack."""

    keyring: Keyring
    pack: Pack

    def check(self, sent: Commit, call: Call, plan: PlanRow, *, seen: bool) -> None:
        """Refuse unless coordinator, specialist and critic have each signed their link.

        ``seen``: this very proposal is held already, so its links may be as old as they like.
        """
        self._check_plan(sent, plan)
        within_s = inf if seen else TASK_S
        proposed = proposal_statement(sent.task, plan.digest, call.proposal_digest)
        specialist = agent_of(plan, self.pack, sent.subtask)
        try:
            check(self.keyring, sent.signature, proposed, specialist, within_s)
        except NotGenuine as error:
            raise PolicyRefusal(
                f"The proposal {call.proposal_digest} is not signed by {specialist}, which "
                f"works on {sent.subtask!r}: {error}. Only what its specialist proposes is "
                "carried out.",
                "ProposalNotSigned",
            ) from error
        judged = verdict_statement(sent.verdict)
        try:
            check(self.keyring, sent.verdict.signature, judged, CRITIC, within_s)
        except NotGenuine as error:
            raise PolicyRefusal(
                f"The verdict on {call.proposal_digest} is not the critic's: {error}.",
                "VerdictNotGenuine",
            ) from error

    def _check_plan(self, sent: Commit, plan: PlanRow) -> None:
        """Refuse another plan than the registered one, or one changed in the ledger."""
        registered = registration_of(plan)
        statement = plan_statement(registered)
        if not sent.plan == plan.digest == statement["plan"]:
            raise PolicyRefusal(
                f"The proposal is for the plan {sent.plan}; that of {sent.task} was registered as "
                f"{plan.digest} and is {statement['plan']}.",
                "OtherPlan",
            )
        try:
            check(self.keyring, registered.signature, statement, COORDINATOR, inf)
        except NotGenuine as error:
            raise PolicyRefusal(
                f"The registered plan of {sent.task} is not what the coordinator signed: {error}.",
                "PlanNotGenuine",
            ) from error
