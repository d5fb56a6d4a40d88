"""The labels of a new value: they follow from the tool and who called it, from nothing else."""

from quartet.contracts.base import Name
from quartet.contracts.label import Integrity, Label, Labels, Readers
from quartet.packs.labelling import readers_of
from quartet.packs.load import Pack
from quartet.packs.tool import Tool
from quartet.trust.labels import UNKNOWN, less_trusted

TOOL: Integrity = "trusted-tool"
STRANGER: Integrity = "untrusted-source"


def assigned(pack: Pack, caller: Name, tool: Tool | None, inputs: Label = UNKNOWN) -> Labels:
    """Return the labels of a tool's result, or of a model's answer when ``tool`` is None.

    ``inputs`` is the join of the arguments. Every answer of a model is untrusted: a specialist's
    and the critic's have seen documents, the planner's a goal that perhaps nobody signed.
    """
    if tool is None:
        return {"": Label(integrity=STRANGER, readers=tuple({caller, "critic"}))}
    base = inputs
    if tool.kind != "read":
        base = Label(integrity=STRANGER, readers=readers_of("documents", pack.manifest))
    readers = _opened(tool, "", base.readers, pack)
    # What was computed is at best a tool's word, whoever gave the arguments.
    whole = Label(integrity=less_trusted(TOOL, base.integrity), readers=readers)
    paths = {*tool.origins.readers, *tool.origins.confirmed} - {""}
    return {"": whole} | {
        path: Label(
            integrity=TOOL if path in tool.origins.confirmed else whole.integrity,
            readers=_opened(tool, path, readers, pack),
        )
        for path in sorted(paths)
    }


def _opened(tool: Tool, path: str, readers: Readers, pack: Pack) -> Readers:
    group = tool.origins.readers.get(path)
    return readers if group is None else readers_of(group, pack.manifest)
