"""The immutable values of tasks, their labels and what their calls cost."""

from decimal import Decimal

from quartet.contracts.base import Digest, Fields, Json, Name, TaskId, ValueId
from quartet.contracts.effect import Settlement, StoredValue
from quartet.contracts.label import Label, Labels
from quartet.packs.load import Pack
from quartet.packs.reference import ByReference, Lookup
from quartet.packs.tool import Kind, Tool
from quartet.resilience.failures import RetryChanged
from quartet.trust.digest import digest
from quartet.trust.labels import UNKNOWN, tree
from services.toolbox.audit import contents
from services.toolbox.labels.assigning import assigned
from services.toolbox.labels.screening import flags_of
from services.toolbox.labels.tracing import labels_of
from services.toolbox.ledger import Entry
from services.toolbox.refusals import NotThere, PolicyRefusal
from services.toolbox.tables import CallRow, ValueRow

_PRODUCES: dict[str, tuple[Kind, ...]] = {
    "reader": ("untrusted-read",),
    "toolbox": ("read",),
    "models": (),
}


def value_id(sent: Settlement) -> ValueId:
    """Return the id of a value: the same call with the same answer is the same value."""
    named: Json = {
        "task": sent.task,
        "subtask": sent.subtask,
        "tool": sent.tool,
        "arguments": sent.arguments_digest,
        "content": digest(sent.value),
    }
    return f"val-{digest(named).removeprefix('sha256:')[:16]}"


def keep(
    entry: Entry, pack: Pack, producer: Name, sent: Settlement, inputs: Label = UNKNOWN
) -> ValueId:
    """Store a value, its labels, its cost and its audit record; again, and nothing changes.

    ``inputs`` is the label of what a trusted read tool was given.
    """
    tool = pack.tools.get(sent.tool)
    if tool is not None and tool.kind not in _PRODUCES[producer]:
        raise PolicyRefusal(
            f"{producer} runs no {sent.tool}: a {tool.kind} tool's values come from elsewhere.",
            "ProducerRefused",
        )
    value = value_id(sent)
    if entry.session.get(ValueRow, (sent.task, value)) is not None:
        return value
    apart = {"value", "spend", "asked", "flags", "reservation"}
    shared = sent.model_dump(mode="json", exclude=apart)
    labels = assigned(pack, sent.caller, tool if producer != "models" else None, inputs)
    plain: Fields = {path: label.model_dump(mode="json") for path, label in labels.items()}
    flags: list[Json] = [f.model_dump(mode="json") for f in (*sent.flags, *flags_of(sent.value))]
    entry.session.add(
        ValueRow(
            **shared,
            id=value,
            producer=producer,
            content=sent.value,
            labels=plain,
            flags=flags,
            stored_at=entry.now,
        )
    )
    entry.session.flush()
    spend = sent.spend.model_dump() | {"cost_usd": Decimal(sent.spend.cost_usd)}
    entry.session.add(CallRow(task=sent.task, value=value, at=entry.now, **spend))
    body: Fields = shared | {
        "value": value,
        "content_digest": digest(sent.value),
        "labels": plain,
        "flags": flags,
        "spend": sent.spend.model_dump(mode="json"),
        "asked": _asked(entry, sent),
        "reservation": sent.reservation,
    }
    entry.record(producer, "value-stored", sent.task, body)
    return value


def _asked(entry: Entry, sent: Settlement) -> Digest | None:
    """Keep what was asked, for the record; refuse when it is not what was digested."""
    if sent.asked is None:
        return None
    if digest(sent.asked) != sent.arguments_digest:
        raise RetryChanged(
            f"{sent.arguments_digest} is not the digest of what was asked of {sent.tool}.",
            cause="data",
            title="DigestMismatch",
        )
    return contents.keep(entry.session, entry.now, sent.asked)


def find(entry: Entry, reader: Name, task: TaskId, value: ValueId) -> StoredValue:
    """Return what an app-id may see of a value; raises NotThere, or PolicyRefusal for nothing."""
    row = entry.session.get(ValueRow, (task, value))
    if row is None:
        raise NotThere(
            f"Task {task} has no value {value[:40]!r}. Values of other tasks cannot be read.",
            "NoSuchValue",
        )
    labels = labels_of(row)
    content, withheld = tree(labels).shown_to(reader, row.content)
    if withheld and content is None:
        raise PolicyRefusal(
            f"{reader} may read nothing of {value}; {', '.join(_readers(labels)) or 'nobody'} may. "
            "Pass it on by reference.",
            "NotAReader",
        )
    return StoredValue(
        value=row.id,
        subtask=row.subtask,
        producer=row.producer,
        caller=row.caller,
        tool=row.tool,
        arguments_digest=row.arguments_digest,
        content=content,
        labels=labels,
        withheld=withheld,
    )


def _readers(labels: Labels) -> list[Name]:
    return sorted({reader for label in labels.values() for reader in label.readers})


def lookup(entry: Entry, task: TaskId) -> Lookup:
    """Return the function that finds a referenced value of this task, and of no other."""

    def content(value: ValueId) -> Json:
        row = entry.session.get(ValueRow, (task, value))
        if row is None:
            says = f"Task {task} has no value {value}. Refer to values that this task's tools gave."
            raise RetryChanged(says, cause="data", title="UnknownReference")
        return row.content

    return content


def check_producers(entry: Entry, task: TaskId, pack: Pack, tool: Tool, sent: Fields) -> None:
    """Refuse a whole-value argument whose value comes from another tool than it may.

    Without this a model could have its own answer taken for a tool's result.
    """
    for field, mark in tool.references().items():
        reference = sent.get(field)
        if isinstance(reference, str):
            row = entry.session.get(ValueRow, (task, reference.removeprefix("$")))
            if row is None or not _comes_from(row, mark, pack):
                wanted = " or ".join(mark.tools)
                raise RetryChanged(
                    f"{field} of {tool.name} refers to a result of {wanted}; {reference[:40]!r} "
                    f"is one of {row.tool if row else 'nothing'}. Refer to the right value.",
                    cause="data",
                    title="WrongProducer",
                )


def _comes_from(row: ValueRow, mark: ByReference, pack: Pack) -> bool:
    tool = pack.tools.get(row.tool)
    return tool is not None and row.tool in mark.tools and tool.kind in _PRODUCES[row.producer]
