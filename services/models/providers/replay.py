"""Recording real exchanges into a JSON Lines file, and answering from it; no provider is here.

An exchange is found by the digest of its canonical request. Ids that the suite makes (tasks,
values, digests) are numbered by first use before, and given back in the answer after, so that a
recording answers another run of the same case. Keys are no part of a request: none is recorded.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from pydantic import Field, ValidationError

from quartet.contracts.base import Contract, Digest, Fields, Json
from quartet.contracts.chat import ChatRequest, Finish, Message
from quartet.resilience.failures import Abandon
from quartet.trust.digest import canonical, digest
from services.models.provider import Completion, Provider, Route, Usage

_MADE_ID = re.compile(r"(?:sha256:[0-9a-f]{64}|t-[0-9a-f]{24}|val-[0-9a-f]{16})(?![0-9a-f])")


class Exchange(Contract):
    """One line of a recording."""

    digest: Digest
    skill: str
    model: str
    message: Message
    finish_reason: Finish
    refusal: str = ""
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)


class Numbered:
    """The ids of one request, numbered in the order of their first use."""

    def __init__(self, request: ChatRequest) -> None:
        """Give the ids of a request numbers; ``text`` is its canonical form with them."""
        self._numbers: dict[str, str] = {}
        plain: Json = {
            "skill": request.purpose.skill,
            "messages": [m.model_dump(mode="json", exclude_none=True) for m in request.messages],
            "tools": [t.model_dump(mode="json") for t in request.tools],
            "response_schema": request.response_schema,
            "max_completion_tokens": request.max_completion_tokens,
        }
        self.text = _MADE_ID.sub(self._number, canonical(plain).decode())
        self.digest = digest(self.text.encode())

    def numbered(self, message: Message) -> Message:
        """Return an answer with numbers for the ids of the request."""
        return _with(message, lambda m: self._numbers.get(m[0], m[0]))

    def named(self, message: Message) -> Message:
        """Return a numbered answer with the ids of this request."""
        ids = {number: name for name, number in self._numbers.items()}
        return _with(message, lambda m: ids.get(m[0], m[0]))

    def _number(self, found: re.Match[str]) -> str:
        prefix, mark, rest = found[0].partition(":" if ":" in found[0] else "-")
        number = f"{prefix}{mark}{len(self._numbers) + 1:0{len(rest)}x}"
        return self._numbers.setdefault(found[0], number)


class Recorder:
    """Answers as another provider does, and appends each exchange to a file (mode 0600)."""

    def __init__(self, path: Path, inner: Provider) -> None:
        """Take the file, which may be there already, and the provider to record."""
        self._path, self._inner, self._lock = path, inner, Lock()

    def complete(self, request: ChatRequest, route: Route) -> Completion:
        """Return the other provider's completion, recorded."""
        done = self._inner.complete(request, route)
        ids = Numbered(request)
        exchange = Exchange(
            digest=ids.digest,
            skill=request.purpose.skill,
            model=done.usage.model or route.model,
            message=ids.numbered(done.message),
            finish_reason=done.finish_reason,
            refusal=done.refusal,
            input_tokens=done.usage.input_tokens,
            output_tokens=done.usage.output_tokens,
        )
        line = json.dumps(exchange.model_dump(mode="json", exclude_none=True), ensure_ascii=False)
        with self._lock:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                file.write(line + "\n")
        return done


class Replayer:
    """Answers from a recording and from nothing else; of two equal requests the later counts."""

    def __init__(self, path: Path) -> None:
        """Read the recording; raises Abandon for a missing or bad one, naming the line."""
        self._path = path
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise Abandon(
                f"{path} cannot be read ({error.strerror}). {_HOW}", cause="data", title="NoRecord"
            ) from error
        found = [_exchange(path, n, line) for n, line in enumerate(lines, 1) if line.strip()]
        self._exchanges = {e.digest: e for e in found}

    def complete(self, request: ChatRequest, route: Route) -> Completion:
        """Return the recorded completion; raises Abandon (cause model) when there is none."""
        ids = Numbered(request)
        found = self._exchanges.get(ids.digest)
        if found is None:
            raise Abandon(
                f"{self._path} has no exchange {ids.digest} of {request.purpose.skill!r} (route to "
                f"{route.provider!r}): prompt, tools or case differ from what was recorded. {_HOW}",
                cause="model",
                title="NotRecorded",
            )
        return Completion(
            message=ids.named(found.message),
            finish_reason=found.finish_reason,
            usage=Usage(found.input_tokens, found.output_tokens, found.model),
            refusal=found.refusal,
        )


_HOW = "Record it: set `mode: record` for this provider in models.yaml and run the case once."


def _exchange(path: Path, number: int, line: str) -> Exchange:
    try:
        return Exchange.model_validate_json(line)
    except ValidationError as error:
        says = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise Abandon(
            f"{path}:{number} is no recorded exchange: {says[:300]}. Remove the line or record "
            "again.",
            cause="data",
            title="BadRecord",
        ) from error


def _with(message: Message, named: Callable[[re.Match[str]], str]) -> Message:
    plain: Fields = message.model_dump(mode="json")
    text = json.dumps(plain, ensure_ascii=False)
    return Message.model_validate_json(_MADE_ID.sub(named, text))
