"""Running a trusted read tool and keeping its result as a value; effects are elsewhere."""

from quartet.contracts.base import Name, ValueId
from quartet.contracts.effect import Settlement, ToolAnswer, ToolCall
from quartet.packs.load import Pack
from quartet.resilience.failures import Failing
from quartet.trust.digest import digest
from quartet.trust.labels import tree
from services.toolbox.budgets.charging import charge, read_call
from services.toolbox.budgets.routes import raised
from services.toolbox.labels.assigning import assigned
from services.toolbox.labels.tracing import tracing
from services.toolbox.ledger import Books, Entry, Ledger, tenant_of
from services.toolbox.refusals import NotThere
from services.toolbox.values import check_producers, keep, lookup


def call(ledger: Ledger, pack: Pack, caller: Name, name: str, sent: ToolCall) -> ToolAnswer:
    """Return what the caller may see of the tool's result, and where all of it is kept.

    Raises Failing naming what does not fit. The call is charged in the transaction that keeps
    its value.
    """
    tool = pack.of_kind("read").get(name)
    if tool is None:
        have = ", ".join(pack.of_kind("read"))
        raise NotThere(f"There is no trusted read tool {name[:40]!r}; there is {have}.", "NoTool")
    with ledger.read() as entry:
        arguments = tool.check(sent.arguments, lookup(entry, sent.task))
        check_producers(entry, sent.task, pack, tool, sent.arguments)
        inputs = tracing(entry.session, sent.task, caller).of_call(tool, sent.arguments)
        books = Books(entry, tenant=tenant_of(entry.session, sent.task))
        result = tool.run(arguments, books).model_dump(mode="json")
    settlement = Settlement(
        task=sent.task,
        subtask=sent.subtask,
        attempt=sent.attempt,
        caller=caller,
        tool=name,
        arguments_digest=digest(sent.arguments),
        value=result,
        asked=sent.arguments,
    )
    labels = assigned(pack, caller, tool, inputs)
    shown, _ = tree(labels).shown_to(caller, result)
    charged = read_call(caller, tool, sent)

    def kept(entry: Entry) -> ValueId | Failing:
        refused = charge(entry, pack.manifest, charged)
        return refused or keep(entry, pack, "toolbox", settlement, inputs)

    value = raised(ledger.settled(kept))
    return ToolAnswer(value=value, result=shown)
