"""Secrets, account numbers and addresses in text: found by their form, and masked.

Only what is certain counts: a token's header has to decode, an account's check digits to be right.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Literal, NamedTuple

from quartet.contracts.base import Fields, Json

Kind = Literal["private-key", "token", "api-key", "account-number", "email-address"]
SECRET: frozenset[Kind] = frozenset(("private-key", "token", "api-key"))
MASKED: frozenset[Kind] = SECRET | {"account-number"}

_KEY_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[\s\S]*?(?:-----END [^-]*-----|\Z)"
)
_JWK_SECRET = re.compile(r'"(?:d|k)"\s*:\s*"[A-Za-z0-9_-]{40,}"')
_TOKEN = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*")
_API_KEY = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{20,}|gh[opsu]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{40,}"
    r"|AKIA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{35}|glpat-[0-9A-Za-z_-]{20,}|xox[abpr]-[0-9A-Za-z-]{20,})"
)
_ACCOUNT = re.compile(
    r"\b[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?)\b"
)
_ADDRESS = re.compile(r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+\b")


class Found(NamedTuple):
    """One finding in a text."""

    kind: Kind
    start: int
    end: int


def find(text: str, known: frozenset[str] = frozenset()) -> list[Found]:
    """Return what is sensitive in a text, in its order; ``known`` are secrets of our own."""
    found = [*_found(text), *_known(text, known)]
    return sorted(found, key=lambda one: (one.start, -one.end))


def masked(text: str, known: frozenset[str] = frozenset(), kinds: frozenset[Kind] = MASKED) -> str:
    """Return the text without secrets; account numbers keep country and the last four digits."""
    pieces, at = [], 0
    for one in find(text, known):
        if one.start >= at and one.kind in kinds:
            pieces += [text[at : one.start], _mask(one.kind, text[one.start : one.end])]
            at = one.end
    return "".join((*pieces, text[at:])) if pieces else text


def masked_json(value: Json) -> Json:
    """Return a JSON value with every text in it masked."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return masked_fields(value)
    return [masked_json(part) for part in value] if isinstance(value, list) else value


def masked_fields(fields: Fields) -> Fields:
    """Return a JSON object with every text in it masked."""
    return {name: masked_json(part) for name, part in fields.items()}


def _mask(kind: Kind, text: str) -> str:
    if kind in SECRET:
        return f"[{kind}]"
    if kind == "email-address":
        return f"[{kind}]"
    plain = text.replace(" ", "")
    return f"{plain[:2]}..{plain[-4:]}"


def _found(text: str) -> Iterator[Found]:
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if kind != "token" or _is_bearer(match[0]):
                yield Found(kind, *match.span())
    for match in _ACCOUNT.finditer(text):
        if (end := _account_end(match[0])) is not None:
            yield Found("account-number", match.start(), match.start() + end)


_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("private-key", _KEY_BLOCK),
    ("private-key", _JWK_SECRET),
    ("token", _TOKEN),
    ("api-key", _API_KEY),
    ("email-address", _ADDRESS),
)


def _known(text: str, known: frozenset[str]) -> Iterator[Found]:
    for secret in known:
        if secret and (at := text.find(secret)) >= 0:
            yield Found("token", at, at + len(secret))


def _is_bearer(token: str) -> bool:
    """Return whether a token's header decodes and is that of a JWT.

    A signed statement of a service (another ``typ``) gives nobody a right: it is evidence.
    """
    header = token.partition(".")[0]
    try:
        decoded = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except ValueError:
        return False
    return (
        isinstance(decoded, dict)
        and "alg" in decoded
        and "jwt" in str(decoded.get("typ", "jwt")).lower()
    )


def _account_end(text: str) -> int | None:
    """Return how much of a text is an account number by its check digits; None for none.

    A group of letters after the number, written apart, is no part of it.
    """
    while text:
        plain = text.replace(" ", "")
        if len(plain) >= 15 and _mod_97(plain) == 1:
            return len(text)
        text = text.rpartition(" ")[0]
    return None


def _mod_97(account: str) -> int:
    return int("".join(str(int(c, 36)) for c in account[4:] + account[:4])) % 97
