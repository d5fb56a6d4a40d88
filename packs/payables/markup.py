"""Untrusted XML to a tree, within limits: no DTD, no entities, no network. Knows no invoice."""

import re
from typing import TypeVar

from lxml import etree

from packs.payables.unreadable import UnreadableDocument

Item = TypeVar("Item")
MAX_BYTES = 10 * 1024 * 1024
MAX_TAGS = 400_000
MAX_DEPTH = 40
_ASK = "Ask the sender for a valid e-invoice."
# Possessive groups: no backtracking, whatever the prolog looks like.
_DOCTYPE = re.compile(
    rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?(?>\s+|<\?(?>.*?\?>)|<!--(?>.*?-->))*+<!DOCTYPE",
    re.DOTALL,
)


def parse(content: bytes) -> etree._Element:
    """Parse one XML document; UnreadableDocument says why it cannot be, and where."""
    if len(content) > MAX_BYTES:
        raise UnreadableDocument(
            f"The XML has {len(content)} bytes; at most {MAX_BYTES} are read.",
            "Ask the sender for the invoice without embedded attachments.",
        )
    if content.count(b"<") > MAX_TAGS:
        raise UnreadableDocument(
            f"The XML has more than {MAX_TAGS} tags.", "Ask the sender to split the invoice."
        )
    # UTF-16 text of a prolog, without its zero bytes, is what the pattern knows.
    prolog = content.replace(b"\0", b"") if b"\0" in content[:4] else content
    if _DOCTYPE.match(prolog):
        raise _dtd_refused()
    root = _parsed(content)
    document = root.getroottree().docinfo
    if document.internalDTD is not None or document.doctype:
        raise _dtd_refused()
    _check_depth(root)
    return root


def _parsed(content: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        last = parser.error_log.last_error
        raise _not_well_formed(error, last.type_name if last else "") from error


def _not_well_formed(error: etree.XMLSyntaxError, kind: str) -> Exception:
    """Say where and which kind; libxml2's own words may quote the document, so they stay out."""
    if kind == "ERR_NO_MEMORY":
        return MemoryError()
    if kind == "ERR_RESOURCE_LIMIT" and "depth" in (error.msg or ""):
        return _too_deep()
    line, column = error.position
    words = kind.removeprefix("ERR_").replace("_", " ").lower() or "no XML"
    return UnreadableDocument(
        f"The XML is not well-formed at line {line or 1}, column {column or 1} ({words}).", _ASK
    )


def _check_depth(root: etree._Element) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise _too_deep()


def _too_deep() -> UnreadableDocument:
    return UnreadableDocument(f"The XML is nested deeper than {MAX_DEPTH} elements.", _ASK)


def _dtd_refused() -> UnreadableDocument:
    return UnreadableDocument(
        "The XML brings a document type (DTD), which could define entities; it was not read.",
        "Ask the sender for the e-invoice without a DOCTYPE.",
    )


def at_most(limit: int, what: str, found: list[Item]) -> tuple[Item, ...]:
    """Give what was found, or refuse the document where there is too much of it."""
    if len(found) > limit:
        raise UnreadableDocument(
            f"The document has {len(found)} {what}; at most {limit} are read.",
            "Ask the sender to split the invoice.",
        )
    return tuple(found)
