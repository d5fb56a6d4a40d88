"""Guardrails: what a content looks like, and whether it goes on as it is, rewritten, or not at all.

A guardrail reads text, and whoever writes the text can write around it. So a score may warn a
person; it never allows anything, and only what is certain is blocked: a secret, a size.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from quartet.contracts.base import Json
from quartet.contracts.guard import Action, Flag
from quartet.trust import sensitive

MOST_FLAGS = 20


@dataclass(frozen=True)
class Rails:
    """What one way of a content allows.

    ``secrets`` says what is done with one; ``personal`` with account numbers and addresses.
    ``own`` are tokens of this very process.
    """

    most_chars: int
    secrets: Action = "block"
    personal: Action = "allow"
    own: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Screened:
    """What became of a content: the action, the content as it goes on, and what was found."""

    action: Action
    content: Json
    flags: tuple[Flag, ...] = ()

    @property
    def score(self) -> float:
        """The highest score of what was found; 0 for nothing."""
        return max((flag.score for flag in self.flags), default=0.0)

    def says(self) -> str:
        """Name what was found, for people; never the text itself."""
        return ", ".join(dict.fromkeys(f"{f.name} in {f.where or 'it'}" for f in self.flags))


def screen(content: Json, rails: Rails) -> Screened:
    """Look at every text of a content."""
    screening = _Screening(rails)
    clean = screening.cleaned(content, ())
    if screening.chars > rails.most_chars:
        screening.found("too-large", 1.0, (), "block")
    clean = None if screening.action == "block" else clean
    return Screened(screening.action, clean, tuple(screening.flags[:MOST_FLAGS]))


class _Screening:
    """The state of one look at a content: how much was seen, what was found, what follows."""

    def __init__(self, rails: Rails) -> None:
        self.rails, self.chars = rails, 0
        self.flags: list[Flag] = []
        self.action: Action = "allow"

    def found(self, name: str, score: float, path: tuple[str, ...], action: Action) -> None:
        flag = Flag(name=name, score=score, where=".".join(path)[:200])
        if flag not in self.flags:
            self.flags.append(flag)
        self.action = max(self.action, action, key=("allow", "rewrite", "block").index)

    def cleaned(self, content: Json, path: tuple[str, ...]) -> Json:
        if isinstance(content, dict):
            return {name: self.cleaned(part, (*path, name)) for name, part in content.items()}
        if isinstance(content, list):
            return [self.cleaned(part, (*path, str(n))) for n, part in enumerate(content)]
        return self._text(content, path) if isinstance(content, str) else content

    def _text(self, text: str, path: tuple[str, ...]) -> str:
        self.chars += len(text)
        shown = visible(text)
        if shown != text:
            self.found("hidden-text", 0.9, path, "rewrite")
        for name, score in instructions(shown):
            self.found(name, score, path, "allow")
        masked: set[sensitive.Kind] = set()
        for one in sensitive.find(shown, self.rails.own):
            secret = one.kind in sensitive.SECRET
            action = self.rails.secrets if secret else self.rails.personal
            self.found(one.kind, 1.0 if secret else 0.3, path, action)
            if action == "rewrite":
                masked.add(one.kind)
        return sensitive.masked(shown, self.rails.own, frozenset(masked)) if masked else shown


_INVISIBLE = frozenset(("Cf", "Cs", "Co", "Cn"))
_PLAIN = re.compile(r"[\x09\x0a\x0d\x20-\x7e\u00a0-\u00ac\u00ae-\u024f]*")


def visible(text: str) -> str:
    """Return the text without what nobody sees: zero-width, bidi and tag characters, controls."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(c for c in text if c in "\t\n\r" or _is_visible(c))


def _is_visible(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind != "Cc" and kind not in _INVISIBLE and not "\ufe00" <= char <= "\ufe0f"


def instructions(text: str) -> Iterator[tuple[str, float]]:
    """Yield what in a text looks meant for a model rather than for people, with a score."""
    folded = unicodedata.normalize("NFKC", text)
    yield from ((name, score) for name, score, form in _MARKS if form.search(folded))


_MARKS: tuple[tuple[str, float, re.Pattern[str]], ...] = (
    (
        "told-to-ignore",
        0.8,
        re.compile(
            r"\b(?:ignor\w*|disregard\w*|forget|override\w*|bypass\w*|vergiss|oublie\w*|olvida\w*)\b"
            r"[^\n]{0,80}\b(?:rules?|instructions?|checks?|polic\w+|prompts?|guidelines?|regeln?"
            r"|anweisung\w*|r[eè]gles?|consignes?|reglas?|instrucciones)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "role-marker",
        0.9,
        re.compile(
            r"<\|?(?:im_start|im_end|system|endoftext|assistant)\|?>|\[/?INST\]|<</?SYS>>"
            r"|</?(?:system|assistant|tool_call|function_call)>|^#{1,4} ?(?:system|assistant)\b"
            r"|\b(?:system|assistant) ?(?:prompt|message|notice|override) ?:",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    (
        "told-to-act",
        0.5,
        re.compile(
            r"\b(?:call|use|run|invoke|propose)\b[^\n{]{0,40}\b[a-z][a-z0-9]*_[a-z0-9_]+\b"
            r"|\b(?:you are now|you must now|as an ai|act as)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "told-to-pay",
        0.6,
        re.compile(
            r"\b(?:pay|transfer|remit|wire|send|new account|changed? account)\b[^\n]{0,80}"
            r"\b[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4}",
        ),
    ),
    (
        "told-to-approve",
        0.6,
        re.compile(
            r"\b(?:accept|approve|mark|report)\b[^\n]{0,40}\b(?:as )?(?:paid|approved|correct"
            r"|accepted|this|it)\b",
            re.IGNORECASE,
        ),
    ),
)
