"""Who may call what; access control is generated from it, and each app checks it again."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Method = Literal["GET", "POST"]
SPECIALISTS = "specialists"
"""Stands for every specialist app-id of the pack, as caller or callee."""
READERS = "readers"
"""Stands for the specialist app-ids that may read documents (pack.yaml: ``reads_documents``)."""


@dataclass(frozen=True)
class Verb:
    """One verb of one callee; ``path`` follows ``/callers/<caller>/``, ``*`` is one segment."""

    callee: str
    method: Method
    path: str
    callers: tuple[str, ...]


VERBS: tuple[Verb, ...] = (
    Verb("toolbox", "POST", "plans", ("coordinator",)),
    Verb("toolbox", "POST", "commit", ("coordinator",)),
    Verb("toolbox", "POST", "compensate", ("coordinator",)),
    Verb("toolbox", "POST", "tools/*", (SPECIALISTS, "critic")),
    Verb("toolbox", "GET", "values/*/*", (SPECIALISTS, "critic")),
    Verb("toolbox", "POST", "budgets", ("coordinator",)),
    Verb("toolbox", "GET", "waits/*", ("coordinator",)),
    Verb("toolbox", "POST", "reserve", ("models", "reader")),
    Verb("toolbox", "POST", "release", ("models", "reader")),
    Verb("toolbox", "POST", "settle", ("models", "reader")),
    Verb("toolbox", "POST", "operations/*", ("console",)),
    Verb("toolbox", "POST", "record", ("coordinator", "console", "critic")),
    Verb("toolbox", "GET", "tasks/*/story", ("console",)),
    Verb("toolbox", "GET", "audit/root", ("coordinator",)),
    Verb("toolbox", "GET", "audit/growth/*", ("coordinator",)),
    Verb("toolbox", "GET", "approvals", ("console",)),
    Verb("toolbox", "GET", "approvals/*", ("console",)),
    Verb("toolbox", "POST", "approvals/*/decide", ("console",)),
    Verb("toolbox", "POST", "approvals/*/assign", ("console",)),
    Verb("toolbox", "POST", "signed-decisions", ("console",)),
    Verb("toolbox", "GET", "decisions/*", ("coordinator",)),
    Verb("reader", "POST", "documents", ("coordinator", "console")),
    Verb("reader", "POST", "tools/*", (READERS, "critic")),
    Verb("models", "POST", "v1/chat/completions", ("planner", SPECIALISTS, "critic")),
    Verb(SPECIALISTS, "GET", "work/*", ("coordinator",)),
    Verb("coordinator", "POST", "tokens", ("planner", SPECIALISTS, "critic")),
    Verb("coordinator", "GET", "tasks", ("console",)),
    Verb("coordinator", "GET", "tasks/*", ("console",)),
    Verb("coordinator", "GET", "tasks/*/intent", ("console",)),
    Verb("coordinator", "POST", "tasks/*/cancel", ("console",)),
    Verb("coordinator", "GET", "audit", ("console",)),
    Verb("coordinator", "POST", "audit/attest", ("console",)),
    Verb("coordinator", "GET", "audit/checkpoints/*", ("console",)),
    Verb("coordinator", "POST", "audit/acknowledge", ("console",)),
    Verb("coordinator", "POST", "owners", ("console",)),
    Verb("coordinator", "GET", "canaries", ("console",)),
    Verb("coordinator", "POST", "canaries/*", ("console",)),
    Verb("coordinator", "GET", "dead-letters", ("console",)),
    Verb("coordinator", "POST", "dead-letters/*/replay", ("console",)),
)


def resolve(
    verbs: Iterable[Verb], specialists: tuple[str, ...], readers: tuple[str, ...]
) -> tuple[Verb, ...]:
    """Return the verbs with the pack's specialists in place of the two stand-ins."""
    stand_ins = {SPECIALISTS: specialists, READERS: readers}
    return tuple(
        Verb(callee, v.method, v.path, tuple(a for c in v.callers for a in stand_ins.get(c, (c,))))
        for v in verbs
        for callee in stand_ins.get(v.callee, (v.callee,))
    )
