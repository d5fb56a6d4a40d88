"""What a tool declares of labels: of its result's fields, and of a write's arguments.

The label of a result follows from the kind of the tool, unless the tool declares otherwise:

    untrusted-read   untrusted source; read by ``documents`` only
    read             the join of its arguments; ``confirmed`` fields are the tool's own
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from quartet.contracts.label import ANYONE, PEOPLE, Readers
from quartet.packs.manifest import Manifest

Group = Literal["documents", "agents", "anyone"]
"""``documents``: the specialists that read documents, the critic and people. ``agents``: every
agent and people. ``anyone``: also who is outside, such as a vendor."""
Audience = Literal["people", "outside"]
"""To whom a text goes: the people who work with the suite, or somebody outside."""
Confirm = Callable[[Any, Any], bool]
"""``confirm(arguments, books)``: whether a trusted source says the same as an argument.

False when no source says anything; it may raise RetryChanged when one says otherwise.
"""


@dataclass(frozen=True)
class Origins:
    """Where the fields of a tool's result come from, by dotted path, ``*`` for items of lists.

    ``confirmed`` fields come from the tool's own trusted source, or were checked against it, even
    when the arguments were untrusted. ``readers`` opens fields that cannot carry a stranger's
    prose; ``""`` is all that has no path of its own.

    ``goal`` names arguments that are the requester's words only when they are the goal of the
    signed task, whole: words picked out of it may say what nobody asked for.
    """

    confirmed: tuple[str, ...] = ()
    goal: tuple[str, ...] = ()
    readers: Mapping[str, Group] = field(default_factory=dict)


NOTHING_DECLARED = Origins()


@dataclass(frozen=True)
class Critical:
    """An argument, or a field inside one (``match.iban``), that decides who gets what.

    From untrusted data it needs ``confirm``; one that stays unconfirmed raises the tier.
    """

    path: str
    confirm: Confirm | None = None


@dataclass(frozen=True)
class Leaving:
    """A text argument, and to whom it goes: only if they may read everything it was made from."""

    path: str
    to: Audience


def readers_of(group: Group, manifest: Manifest) -> Readers:
    """Return who belongs to a group in the suite of this pack."""
    if group == "anyone":
        return (ANYONE,)
    agents = tuple(s.app_id for s in manifest.specialists)
    reading = tuple(s.app_id for s in manifest.specialists if s.reads_documents)
    also = ("planner", *agents) if group == "agents" else reading
    return tuple(sorted({"critic", PEOPLE, *also}))
