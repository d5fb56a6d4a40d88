"""The reader check at the gate: a text goes to somebody only if they may read what it is made of.

It is about where a text may go, not about what it says; a text made of a stranger's words may go
to whoever may read that stranger, and stays untrusted there.
"""

from collections.abc import Iterator

from quartet.contracts.base import Fields, Json
from quartet.contracts.effect import Commit
from quartet.contracts.label import ANYONE, PEOPLE, Label
from quartet.packs.labelling import Audience
from quartet.packs.load import Pack
from quartet.trust.labels import may_read
from services.toolbox.gate import Call, proposal_of
from services.toolbox.labels.facts import proposer
from services.toolbox.labels.screening import check_text
from services.toolbox.labels.tracing import tracing
from services.toolbox.ledger import Entry
from services.toolbox.refusals import PolicyRefusal


def check_leaving(entry: Entry, pack: Pack, sent: Commit, call: Call) -> None:
    """Refuse a call with a text for somebody who may not read all that it was made from.

    A guardrail looks at the text as well.
    """
    if not call.effect.leaving:
        return
    arguments = proposal_of(sent).arguments
    traced = tracing(entry.session, sent.task, proposer(entry, pack, sent))
    for text in call.effect.leaving:
        label = traced.of(arguments, text.path.split("."))
        if not _may_go(label, text.to):
            may = ", ".join(label.readers) or "nobody"
            raise PolicyRefusal(
                f"{text.path} of {call.tool.name} goes to {text.to}, and is made of what only "
                f"{may} may read. Leave that out, or refer to what may go there.",
                "MayNotBeRead",
            )
        for part in _texts(call.plain, text.path):
            check_text(text.path, part, text.to)


def _may_go(label: Label, to: Audience) -> bool:
    return may_read(label, PEOPLE if to == "people" else ANYONE)


def _texts(arguments: Fields, path: str) -> Iterator[str]:
    """Yield the resolved text at a path, if one was given."""
    found: Json = arguments
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    if isinstance(found, str):
        yield found
