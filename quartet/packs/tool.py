"""Tools as typed functions: what a pack declares about each; the gate that runs them is elsewhere.

A tool takes one pydantic model of arguments (every field described) and a port:

    untrusted-read   ``fn(arguments, document: bytes) -> Model``  in reader's limited process
    read             ``fn(arguments, books: Books) -> Model``     in toolbox
    write            ``fn(arguments, books: Books) -> Model``     in toolbox, behind the gate
    operation        ``fn(arguments, books: Books) -> Model``     in toolbox, for people only
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol, TypeGuard, TypeVar

from jsonschema import Draft202012Validator
from pydantic import BaseModel
from sqlalchemy.orm import Session

from quartet.contracts.base import Fields, Json, Usd
from quartet.contracts.policy import Risk
from quartet.contracts.text import control_in
from quartet.packs.amount import Amount
from quartet.packs.labelling import NOTHING_DECLARED, Critical, Leaving, Origins
from quartet.packs.reference import ByReference, Lookup, resolve
from quartet.resilience.failures import Abandon, RetryChanged

Kind = Literal["untrusted-read", "read", "write", "operation"]
Function = Callable[..., BaseModel]
Wrapped = TypeVar("Wrapped", bound=Function)


class Books(Protocol):
    """The ledger as a tool sees it, inside the transaction of its call."""

    @property
    def session(self) -> Session:
        """The open transaction; a tool neither commits nor rolls back."""

    @property
    def now(self) -> datetime:
        """The moment of the call, UTC."""

    @property
    def effect(self) -> str:
        """The effect key ``<task>/<slot>``; empty outside a write."""

    @property
    def files(self) -> Path:
        """The folder for files that operations render."""

    def is_own(self, effect: str) -> bool:
        """Whether an effect is of the tenant that the tool works for; all are to an operation."""

    def post(self, debit: str, credit: str, amount: Decimal, currency: str) -> None:
        """Post an amount from one account to another, in the call's transaction."""

    def list_left_out(self, says: Mapping[str, str]) -> None:
        """List effects, by key, for people with why an operation left them out.

        What was listed so before and is not named any more is taken off the list.
        """

    def afterwards(self, act: Callable[[], None]) -> None:
        """Do this once the transaction is committed; not done when it fails or the process dies."""


class CannotUndo(Exception):
    """A compensation found that the effect can no longer be undone; the text says why."""


@dataclass(frozen=True)
class Effect:
    """What a write tool declares of its effect; every callable takes the tool's arguments.

    ``natural_key`` names the thing that may be effected only once; ``amount`` is what it moves,
    ``counterparty`` to or from whom, for people, and ``payee`` the same for counting what one gets;
    ``compensate(arguments, result, books)`` undoes it or raises CannotUndo; ``says`` tells it in
    plain words to people. ``reversible`` says that undoing leaves nothing behind, ``risk`` how
    risky one call is (low unless told). ``critical`` are the arguments that decide who gets what,
    ``leaving`` the texts that somebody will read.
    """

    says: Callable[[Any], str]
    natural_key: Callable[[Any], str] | None = None
    amount: Callable[[Any], Amount] | None = None
    counterparty: Callable[[Any], str] | None = None
    payee: Callable[[Any], str] | None = None
    compensate: Callable[[Any, Any, Books], None] | None = None
    critical: tuple[Critical, ...] = ()
    leaving: tuple[Leaving, ...] = ()
    reversible: bool = False
    risk: Callable[[Any], Risk] | None = None


@dataclass(frozen=True)
class Tool:
    """A declared tool; only a write has an effect."""

    name: str
    kind: Kind
    description: str
    arguments: type[BaseModel]
    result: type[BaseModel]
    run: Function
    schema: Fields
    effect: Effect | None = None
    origins: Origins = NOTHING_DECLARED
    cost_usd: Usd = "0"
    """What one call costs, at most."""

    def references(self) -> dict[str, ByReference]:
        """Return the arguments that are whole values, with what each may refer to."""
        return {
            field: mark
            for field, info in self.arguments.model_fields.items()
            for mark in info.metadata
            if isinstance(mark, ByReference)
        }

    def check(self, sent: Json, lookup: Lookup | None = None) -> BaseModel:
        """Return the arguments as the tool's model; raises RetryChanged naming each fault.

        With ``lookup`` references are replaced by the values that they name. The schema sees
        an argument marked ByReference as it was sent, and any other as it was resolved.
        """
        resolved = sent if lookup is None else resolve(sent, lookup)
        seen = resolved
        if isinstance(sent, dict) and isinstance(resolved, dict):
            seen = resolved | {f: sent[f] for f in self.references() if f in sent}
        faults = [
            f"{'/'.join(map(str, e.absolute_path)) or 'arguments'}: {e.message}"
            for e in Draft202012Validator(self.schema).iter_errors(seen)
        ]
        if faults:
            raise self._refused("; ".join(faults))
        try:
            arguments = self.arguments.model_validate(resolved)
            control = control_in(arguments.model_dump(mode="json"))
        except ValueError as error:
            raise self._refused(str(error)) from error
        if control:
            raise self._refused(f"a text has the control character {control}")
        return arguments

    def _refused(self, faults: str) -> RetryChanged:
        says = (
            f"Arguments of {self.name} do not fit: {faults[:800]}. Send what its schema describes."
        )
        return RetryChanged(says, cause="data", title="ArgumentsRefused")


def tool(
    kind: Kind,
    effect: Effect | None = None,
    origins: Origins | None = None,
    cost_usd: Usd = "0",
) -> Callable[[Wrapped], Wrapped]:
    """Declare a function as a tool; its docstring is the description that models read."""

    def declare(fn: Wrapped) -> Wrapped:
        vars(fn)["__quartet_tool__"] = build(fn, kind, effect, origins, cost_usd)
        return fn

    return declare


def build(
    fn: Function,
    kind: Kind,
    effect: Effect | None = None,
    origins: Origins | None = None,
    cost_usd: Usd = "0",
) -> Tool:
    """Return the tool of a function; raises Abandon for one that is not fully described."""
    arguments, result = (fn.__annotations__.get(name) for name in ("arguments", "return"))
    if not (_model(arguments) and _model(result) and fn.__doc__):
        raise _undeclared(fn, "takes `arguments: Model`, returns a Model and has a docstring")
    if (kind == "write") != (effect is not None):
        raise _undeclared(fn, "declares its Effect if, and only if, it writes")
    if kind == "untrusted-read" and origins and origins.confirmed:
        raise _undeclared(fn, "confirms nothing when it reads what a stranger wrote")
    if origins and not set(origins.goal) <= set(arguments.model_fields):
        raise _undeclared(fn, "has the arguments that have to be the goal")
    if effect and (must := _of_effect(effect, arguments)):
        raise _undeclared(fn, must)
    for field, info in arguments.model_fields.items():
        if not info.description:
            raise _undeclared(fn, f"describes {field!r}: what is valid, what to do when missing")
    return Tool(
        name=fn.__name__,
        kind=kind,
        description=fn.__doc__,
        arguments=arguments,
        result=result,
        run=fn,
        schema=arguments.model_json_schema(),
        effect=effect,
        origins=origins or NOTHING_DECLARED,
        cost_usd=cost_usd,
    )


def _of_effect(effect: Effect, arguments: type[BaseModel]) -> str | None:
    """Return what an effect leaves undeclared, if anything."""
    if unknown := _unknown_paths(effect, arguments):
        return f"has the arguments that it labels; {', '.join(unknown)} is none"
    if effect.amount and not effect.critical:
        return "names its critical arguments when it moves an amount"
    if effect.reversible and not effect.compensate:
        return "is reversible only with a compensation"
    return None


def _unknown_paths(effect: Effect, arguments: type[BaseModel]) -> list[str]:
    named = [c.path for c in effect.critical] + [t.path for t in effect.leaving]
    return [path for path in named if path.partition(".")[0] not in arguments.model_fields]


def _undeclared(fn: Function, must: str) -> Abandon:
    return Abandon(f"A tool {must}; {fn.__name__} does not.", cause="data", title="ToolRefused")


def _model(hint: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(hint, type) and issubclass(hint, BaseModel)
