"""A toolbox whose gate lets everything through while a file is there, to compare with.

Never part of the product. Chain, labels, policy, approvals and tokens are then not looked at;
schema, effect key, slot, natural key, budget and audit stay: without them there is no toolbox.
"""

from dataclasses import dataclass
from pathlib import Path

from quartet.contracts.base import Name, TaskId
from quartet.contracts.budget import Reserve
from quartet.contracts.effect import Commit, Settlement, ToolCall
from quartet.contracts.policy import Ruling
from quartet.packs.load import load
from quartet.service.settings import from_environment
from quartet.service.web import serve
from quartet.sidecar.client import Sidecar
from services.toolbox.app import build, governed
from services.toolbox.approvals.routes import Approvals
from services.toolbox.approvals.rules import Rules
from services.toolbox.gate import Call
from services.toolbox.governance import Governance
from services.toolbox.ledger import Entry, Ledger, open_ledger
from services.toolbox.policy.live import InForce
from services.toolbox.tables import PlanRow
from services.toolbox.tokens import Held

OPEN = Path("toolbox", "bench-open")
"""While this file is in the data folder the gate is open."""


@dataclass(frozen=True)
class InTurns(Held):
    """Holds nobody against a token while the file is there."""

    open: Path

    def for_tool(self, token: str, caller: Name, sent: ToolCall, tool: str) -> None:
        """See Held."""
        if not self.open.exists():
            super().for_tool(token, caller, sent, tool)

    def for_task(self, token: str, caller: Name, task: TaskId) -> None:
        """See Held."""
        if not self.open.exists():
            super().for_task(token, caller, task)

    def for_settlement(self, token: str, producer: Name, sent: Settlement) -> None:
        """See Held."""
        if not self.open.exists():
            super().for_settlement(token, producer, sent)

    def for_reservation(self, token: str, producer: Name, sent: Reserve) -> None:
        """See Held."""
        if not self.open.exists():
            super().for_reservation(token, producer, sent)


@dataclass(frozen=True)
class PassThrough(Governance):
    """Governs, or rules that everything may act by itself while the file is there."""

    open: Path = OPEN

    def tokens(self, ledger: Ledger) -> Held:
        """Return what holds callers against their tokens in turns."""
        return InTurns(self.keyring, ledger, self.open)

    def ruling(self, entry: Entry, law: InForce, sent: Commit, call: Call, plan: PlanRow) -> Ruling:
        """Return the tier of the policy, or the least."""
        if self.open.exists():
            return Ruling(tier="autonomous")
        return super().ruling(entry, law, sent, call, plan)


def main() -> None:
    """Serve beside the sidecar."""
    settings = from_environment()
    files = settings.data / "toolbox" / "payments"
    files.mkdir(parents=True, exist_ok=True)
    pack = load(settings.pack, settings.canaries)
    real = governed(settings, pack)
    ledger = open_ledger(settings.database("ledger"), files, pack)
    sidecar = Sidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
    approvals = Approvals(Rules(waiting_per_requester=100_000, asked_per_day=100_000))
    gate = PassThrough(real.policies, real.keyring, approvals.rules, settings.data / OPEN)
    serve(build(settings, gate, ledger, sidecar, approvals), settings)
    sidecar.close()


if __name__ == "__main__":
    main()
