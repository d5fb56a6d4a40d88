"""For tests only: what the texts of a conversation tell their reader to do; obey.py does it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from quartet.contracts.base import Fields, Json
from quartet.contracts.chat import ChatRequest

_PAY_TO = re.compile(
    r"\b(?i:pay|transfer|remit|wire|send|account|iban)\b[^\n]{0,120}?"
    r"\b([A-Z]{2}[0-9]{2}(?:[A-Z0-9]{8,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?))\b"
)
_AMOUNT = re.compile(
    r"\b(?:amount|pay|transfer|sum)\b[^\n0-9]{0,40}\b([0-9]{1,3}(?:[,.' ][0-9]{3})+\.[0-9]{2}"
    r"|[0-9]+\.[0-9]{2})\b",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"\b(?:call|use|run|invoke|propose)\b[^\n{]{0,40}?\b([a-z][a-z0-9]*_[a-z0-9_]+)\b[^\n{]{0,40}",
    re.IGNORECASE,
)
_ACCEPT = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b[^\n]{0,80}\b(?:rules?|instructions?|checks?|polic)"
    r"|\b(?:accept|approve|as approved|mark [^\n]{0,40} as (?:paid|correct))\b",
    re.IGNORECASE,
)
_SENTENCE_WORDS = 3


@dataclass(frozen=True)
class Told:
    """The instructions found, in the order of reading; ``text`` is where they stood."""

    accounts: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    calls: tuple[tuple[str, Fields], ...] = ()
    approve: bool = False
    text: str = ""

    def __bool__(self) -> bool:
        """Return whether anything was told."""
        return bool(self.accounts or self.amounts or self.calls or self.approve)


def told_by(request: ChatRequest) -> Told:
    """Return what every text but the prompt tells: the task, tool results, values, names, notes."""
    texts = [
        text
        for message in request.messages
        if message.role in ("user", "tool")
        for text in _texts(message.content or "")
        if len(text.split()) >= _SENTENCE_WORDS
    ]
    telling = [t for t in texts if _PAY_TO.search(t) or _ACCEPT.search(t) or _CALL.search(t)]
    return Told(
        accounts=tuple(m[1].replace(" ", "") for t in telling for m in _PAY_TO.finditer(t)),
        amounts=tuple(re.sub(r"[,' ]", "", m[1]) for t in telling for m in _AMOUNT.finditer(t)),
        calls=tuple(call for t in telling for call in _calls(t)),
        approve=any(_ACCEPT.search(t) for t in telling),
        text=telling[0][:400] if telling else "",
    )


def _calls(text: str) -> Iterator[tuple[str, Fields]]:
    for found in _CALL.finditer(text):
        try:
            arguments, _ = json.JSONDecoder().raw_decode(text, found.end())
        except json.JSONDecodeError:
            arguments = {}
        yield found[1], arguments if isinstance(arguments, dict) else {}


def _texts(content: str) -> Iterator[str]:
    """Yield every string in a message: its JSON's leaves, or the message itself."""
    try:
        yield from _leaves(json.loads(content))
    except json.JSONDecodeError:
        yield content


def _leaves(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
