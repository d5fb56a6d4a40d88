"""What the labels say of one resolved call, as the policy sees it."""

from dataclasses import dataclass

from quartet.contracts.effect import Commit
from quartet.packs.load import Pack
from services.toolbox.gate import Call
from services.toolbox.ledger import Entry


@dataclass(frozen=True)
class Facts:
    """What is known of where a call's arguments come from.

    ``unconfirmed`` names critical arguments that come from untrusted data and that no trusted
    source confirms; ``least`` is the least trusted integrity among all arguments.
    """

    unconfirmed: tuple[str, ...] = ()
    least: str = "trusted-tool"


def facts(entry: Entry, pack: Pack, sent: Commit, call: Call) -> Facts:
    """Return the facts of a call; reads stored values only."""
    del entry, pack, sent, call
    return Facts()
