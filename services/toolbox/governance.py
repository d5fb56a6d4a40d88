"""What a call is held against at the gate once its plan allows it: chain, labels, policy, tokens.

Composed once and handed in; the bench composes one that lets everything through.
"""

from dataclasses import dataclass

from quartet.contracts.effect import Commit
from quartet.contracts.policy import Ruling
from quartet.trust.keys import Keyring
from services.toolbox.approvals.asking import raised
from services.toolbox.approvals.rules import RULES, Rules
from services.toolbox.chain import Chain
from services.toolbox.gate import Call, stored
from services.toolbox.labels.facts import facts
from services.toolbox.labels.leaving import check_leaving
from services.toolbox.ledger import Entry, Ledger
from services.toolbox.policy.live import InForce, Policies
from services.toolbox.policy.ruling import rule
from services.toolbox.tables import PlanRow
from services.toolbox.tokens import Held


@dataclass(frozen=True)
class Governance:
    """The policy in force, the keys of those who sign, and how people are asked."""

    policies: Policies
    keyring: Keyring
    rules: Rules = RULES

    def tokens(self, ledger: Ledger) -> Held:
        """Return what holds callers against their transaction tokens."""
        return Held(self.keyring, ledger)

    def ruling(self, entry: Entry, law: InForce, sent: Commit, call: Call, plan: PlanRow) -> Ruling:
        """Return the tier of a call; raises PolicyRefusal for one that is never carried out."""
        held = stored(entry, sent, call) is not None
        Chain(self.keyring, law.pack).check(sent, call, plan, seen=held)
        check_leaving(entry, law.pack, sent, call)
        known = facts(entry, law.pack, sent, call)
        return raised(rule(entry, law, call, plan, known), sent.result.asks)
