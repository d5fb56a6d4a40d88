"""Which documents a tool may open: those of its task, as the signed plan gives them to its subtask.

Asked when a reading is reserved, so before the document is opened, and again when it is settled.
"""

from collections.abc import Iterator

from quartet.contracts.base import Digest, Fields, Name
from quartet.contracts.budget import Reserve
from quartet.contracts.effect import Settlement
from quartet.packs.load import Pack
from quartet.resilience.failures import Failing, RetryChanged, RetryLater
from quartet.trust.digest import digest
from services.toolbox.ledger import Entry
from services.toolbox.plans import plan_of
from services.toolbox.tables import PlanRow

DOCUMENT = "document"
"""The argument that names the document of an untrusted read, by digest."""


def refusal(entry: Entry, pack: Pack, tool: Name, sent: Reserve | Settlement) -> Failing | None:
    """Return why a tool may not read the document that it is asked for; None when it may.

    Returned, not raised: the transaction that records it commits.
    """
    found = pack.tools.get(tool)
    if found is None or found.kind != "untrusted-read":
        return None
    refused = next(_faults(entry, tool, sent), None)
    if refused is not None:
        body: Fields = {
            **sent.model_dump(mode="json", include={"subtask", "attempt", "caller"}),
            "tool": tool,
            DOCUMENT: _named(sent),
            "title": refused.failure.title,
            "says": refused.failure.detail,
        }
        entry.record("toolbox", "document-refused", sent.task, body)
    return refused


def _faults(entry: Entry, tool: Name, sent: Reserve | Settlement) -> Iterator[Failing]:
    if sent.asked is None:
        yield RetryLater(
            f"Nothing says which document {tool} is to read, and so none is read. It is tried "
            "again when reader and toolbox are of one version.",
            cause="tool",
            title="DocumentNotNamed",
            after=2.0,
        )
    elif digest(sent.asked) != sent.arguments_digest:
        yield RetryChanged(
            f"{sent.arguments_digest} is not the digest of what was asked of {tool}.",
            cause="data",
            title="DigestMismatch",
        )
    elif _named(sent) not in (given := _given(entry, sent)):
        may = ", ".join(given[:3]) or "no document"
        yield RetryChanged(
            f"{tool} may not read {_named(sent)} for subtask {sent.subtask!r}, which has {may}. "
            "Read only what the work order lists; any other document is another task's.",
            cause="policy",
            title="NotItsDocument",
        )


def _named(sent: Reserve | Settlement) -> str:
    asked = sent.asked if isinstance(sent.asked, dict) else {}
    return str(asked.get(DOCUMENT))[:100]


def _given(entry: Entry, sent: Reserve | Settlement) -> tuple[Digest, ...]:
    """Return the documents of a subtask: those that the plan names for it, else the task's."""
    row = entry.session.get(PlanRow, sent.task)
    subtasks = plan_of(row).subtasks if row else ()
    own = next((s for s in subtasks if s.id == sent.subtask), None)
    if row is None or own is None:
        return ()
    of_task = row.documents if isinstance(row.documents, list) else []
    return tuple(str(d) for d in of_task if not own.documents or d in own.documents)
