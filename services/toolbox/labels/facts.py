"""What the labels say of one resolved call, as the policy sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from quartet.contracts.base import Name
from quartet.contracts.effect import Commit
from quartet.contracts.guard import Flag
from quartet.contracts.label import Integrity
from quartet.packs.labelling import Critical
from quartet.packs.load import Pack
from services.toolbox.gate import Call, proposal_of
from services.toolbox.labels.tracing import flags_in, tracing
from services.toolbox.ledger import Books, Entry, tenant_of
from services.toolbox.plans import agent_of
from services.toolbox.tables import PlanRow


@dataclass(frozen=True)
class Facts:
    """What is known of where a call's arguments come from.

    ``unconfirmed`` names critical arguments that come from untrusted data and that no trusted
    source confirms; ``least`` is the least trusted integrity among all arguments; ``origins``
    gives that of each critical argument, by its path. ``flags`` are what guardrails found in the
    values of the task, ``score`` the highest of their scores: they may warn a person
    or raise the tier, never lower it.
    """

    unconfirmed: tuple[str, ...] = ()
    least: Integrity = "trusted-tool"
    origins: Mapping[str, Integrity] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    score: float = 0.0


def facts(entry: Entry, pack: Pack, sent: Commit, call: Call) -> Facts:
    """Return the facts of a call; changes nothing.

    Raises RetryChanged where a trusted source contradicts a critical argument.
    """
    arguments = proposal_of(sent).arguments
    traced = tracing(entry.session, sent.task, proposer(entry, pack, sent))
    tenant = tenant_of(entry.session, sent.task)
    books = Books(entry, f"{sent.task}/{sent.slot}", tenant)
    origins = {
        one.path: traced.of(arguments, one.path.split(".")).integrity
        for one in call.effect.critical
    }
    doubtful = [one for one in call.effect.critical if origins[one.path] == "untrusted-source"]
    flags = flags_in(entry.session, sent.task)
    return Facts(
        unconfirmed=tuple(one.path for one in doubtful if not _confirmed(one, call, books)),
        least=traced.of(arguments).integrity,
        origins=origins,
        flags=flags,
        score=max((flag.score for flag in flags), default=0.0),
    )


def proposer(entry: Entry, pack: Pack, sent: Commit) -> Name:
    """Return the app-id that proposed a call: the one that works on the subtask."""
    return agent_of(entry.session.get_one(PlanRow, sent.task), pack, sent.subtask)


def _confirmed(one: Critical, call: Call, books: Books) -> bool:
    return one.confirm is not None and one.confirm(call.arguments, books)
