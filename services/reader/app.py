"""The reader service: documents in, untrusted read tools on them; parsing is in the pack."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, Protocol

from fastapi import FastAPI
from pydantic import ValidationError

from quartet.contracts.base import Fields, Json
from quartet.contracts.budget import ReservationId, Reserve, Reserved
from quartet.contracts.document import Upload
from quartet.contracts.effect import Settled, Settlement, Spend, ToolAnswer, ToolCall
from quartet.contracts.task import Document
from quartet.contracts.token import TokenWanted
from quartet.packs.load import Pack, load
from quartet.packs.tool import Tool
from quartet.resilience.failures import Abandon, Failing
from quartet.service.settings import Settings, from_environment
from quartet.service.tokens import TxnToken, check_step, held
from quartet.service.web import build_app, serve
from quartet.sidecar.client import Sidecar
from quartet.sidecar.ports import Invoker
from quartet.trust.digest import digest
from quartet.trust.keys import Keyring
from services.reader.limited import Limited
from services.reader.store import Documents, open_documents

SETTLE_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 30.0


class Unreadable(Abandon):
    """A document that the tool, or its limits, would not read."""

    status = 422


class UnknownTool(Abandon):
    """A tool that does not read documents here."""

    status = 404


class Confined(Protocol):
    """Runs a function on untrusted bytes where it can do no harm."""

    def run(self, function: str, content: bytes, arguments: Fields | None = None) -> Json:
        """Return the function's result as JSON; raises Failing."""


@dataclass(frozen=True)
class Desk:
    """Where read tools are called: document in, result out and settled with the toolbox."""

    tools: dict[str, Tool]
    documents: Documents
    confined: Confined
    toolbox: Invoker

    def read(self, caller: str, name: str, call: ToolCall, token: str = "") -> ToolAnswer:
        """Return the result of a read tool and the value id that the toolbox gave it.

        The argument ``document`` names the bytes by digest. They are looked up once the toolbox,
        which knows the task's plan, has reserved this very reading. Raises Unreadable, cause data,
        for a document that cannot be read.
        """
        tool = self._tool(name)
        tool.check(call.arguments)
        reservation = self._reserve(caller, tool, call, token)
        content = self.documents.content(str(call.arguments["document"]))
        result = self._result(tool, content, call.arguments)
        settlement = Settlement(
            task=call.task,
            subtask=call.subtask,
            attempt=call.attempt,
            caller=caller,
            tool=name,
            arguments_digest=digest(call.arguments),
            value=result,
            asked=call.arguments,
            spend=Spend(cost_usd=tool.cost_usd),
            reservation=reservation,
        )
        settled = self.toolbox.call(
            "toolbox", "settle", settlement, Settled, SETTLE_TIMEOUT_S, token
        )
        return ToolAnswer(value=settled.value, result=result)

    def _reserve(self, caller: str, tool: Tool, call: ToolCall, token: str) -> ReservationId:
        """Reserve a call; one that fails after this is settled as if it had been made."""
        reserve = Reserve(
            task=call.task,
            subtask=call.subtask,
            attempt=call.attempt,
            caller=caller,
            kind="tool",
            name=tool.name,
            arguments_digest=digest(call.arguments),
            asked=call.arguments,
            cost_usd=tool.cost_usd,
            timeout_s=READ_TIMEOUT_S,
        )
        reserved = self.toolbox.call(
            "toolbox", "reserve", reserve, Reserved, SETTLE_TIMEOUT_S, token
        )
        return reserved.reservation

    def _tool(self, name: str) -> Tool:
        if name not in self.tools:
            raise UnknownTool(
                f"There is no tool {name!r} that reads documents; there is "
                f"{', '.join(sorted(self.tools)) or 'none'}.",
                cause="data",
                title="UnknownTool",
            )
        return self.tools[name]

    def _result(self, tool: Tool, content: bytes, arguments: Fields) -> Json:
        try:
            raw = self.confined.run(function_of(tool), content, arguments)
            checked: Json = tool.result.model_validate(raw).model_dump(mode="json")
        except ValidationError as error:
            unreadable(f"{tool.name} gave no {tool.result.__name__}.", "ReadingCrashed", error)
        except Failing as error:
            if error.failure.advice != "abandon":
                raise
            unreadable(error.failure.detail, error.failure.title, error)
        return checked


def unreadable(says: str, title: str, error: Exception) -> NoReturn:
    """Raise Unreadable; its detail says what is wrong with the document and what to do."""
    raise Unreadable(says, cause="data", title=title) from error


def function_of(tool: Tool) -> str:
    """Return the name by which the limited process loads a tool."""
    return f"{tool.run.__module__}:{tool.name}"


def build(
    settings: Settings, pack: Pack, documents: Documents, limited: Limited, toolbox: Invoker
) -> FastAPI:
    """Return the app; the limited process runs while it serves."""
    keyring = Keyring(settings.service_keys)
    desk = Desk(pack.of_kind("untrusted-read"), documents, limited, toolbox)

    @contextmanager
    def running() -> Iterator[None]:
        with limited:
            yield
        documents.close()

    app = build_app(settings, pack.manifest, running)

    @app.post("/callers/{caller}/documents")
    def put(caller: str, upload: Upload) -> Document:
        del caller
        return documents.put(upload)

    @app.post("/callers/{caller}/tools/{tool}")
    def read(caller: str, tool: str, call: ToolCall, txn_token: TxnToken = "") -> ToolAnswer:
        step = TokenWanted(task=call.task, subtask=call.subtask, attempt=call.attempt)
        check_step(held(txn_token, keyring, caller), step, tool=tool)
        return desk.read(caller, tool, call, txn_token)

    return app


def main() -> None:
    """Serve; exits with one line when the pack is not right."""
    settings = from_environment()
    try:
        pack = load(settings.pack, settings.canaries)
        documents = open_documents(settings.database("documents"))
    except Failing as error:
        sys.exit(str(error))
    limited = Limited([function_of(t) for t in pack.of_kind("untrusted-read").values()])
    sidecar = Sidecar(settings.app_id, settings.dapr_http_port, settings.api_token)
    serve(build(settings, pack, documents, limited, sidecar), settings)


if __name__ == "__main__":
    main()
