"""Typed fields out of an XML tree, each named by its business term. Knows neither UBL nor CII."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree

from packs.payables.invoice import MAX_IDENTIFIER, MAX_PROSE
from packs.payables.normal import clean_text
from packs.payables.unreadable import UnreadableDocument, quoted

MAX_DIGITS = 18
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_PLAIN_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_FIX = "Ask the sender for a corrected e-invoice."


@dataclass(frozen=True)
class Fields:
    """One element of the tree; paths are relative, with the prefixes of `namespaces`."""

    element: etree._Element
    namespaces: Mapping[str, str]

    def all(self, path: str) -> list["Fields"]:
        """Give every element at the path."""
        found = self.element.iterfind(path, dict(self.namespaces))
        return [Fields(element, self.namespaces) for element in found]

    def first(self, path: str) -> "Fields | None":
        """Give the first element at the path, or None."""
        found = self.element.find(path, dict(self.namespaces))
        return None if found is None else Fields(found, self.namespaces)

    def need(self, path: str, term: str) -> "Fields":
        """Give the first element at the path; a missing one is named by its business term."""
        found = self.first(path)
        if found is None:
            raise missing(term)
        return found

    def attribute(self, name: str) -> str | None:
        """Give an attribute's cleaned text, or None where absent or empty."""
        return clean_text(str(self.element.get(name, ""))) or None

    def code_attribute(self, name: str) -> str | None:
        """Give an attribute that holds a code; one of another form counts as not stated."""
        text = self.attribute(name)
        return text if text and re.fullmatch(r"[A-Za-z0-9]{1,8}", text) else None

    def text(self, path: str, term: str, longest: int = MAX_IDENTIFIER) -> str | None:
        """Give the cleaned text at the path, or None where absent or empty; too long is an error.

        Identifiers are never cut: a cut one could equal another.
        """
        found = self.first(path)
        text = clean_text(found.element.text or "") if found else ""
        if len(text) > longest:
            raise UnreadableDocument(f"{term} is longer than {longest} characters.", _FIX)
        return text or None

    def prose(self, path: str) -> str | None:
        """Give free text at the path, cut to what an invoice keeps of it."""
        found = self.first(path)
        text = clean_text(found.element.text or "") if found else ""
        return text[:MAX_PROSE].rstrip() or None

    def needed_text(self, path: str, term: str, longest: int = MAX_IDENTIFIER) -> str:
        """Give the text at the path, which the standard demands."""
        text = self.text(path, term, longest)
        if text is None:
            raise missing(term)
        return text

    def code(self, path: str, term: str, pattern: str = r"[A-Za-z0-9]{1,8}") -> str | None:
        """Give a code at the path; one of another form is an error."""
        text = self.text(path, term)
        if text is not None and not re.fullmatch(pattern, text):
            raise UnreadableDocument(f"{term} is no valid code: {quoted(text)}.", _FIX)
        return text

    def needed_code(self, path: str, term: str, pattern: str = r"[A-Za-z0-9]{1,8}") -> str:
        """Give a code at the path, which the standard demands."""
        code = self.code(path, term, pattern)
        if code is None:
            raise missing(term)
        return code

    def decimal(self, path: str, term: str, currency: str | None = None) -> Decimal | None:
        """Give the exact decimal at the path; `currency` is what a stated currencyID must be."""
        text = self.text(path, term)
        if text is None:
            return None
        if not _DECIMAL.fullmatch(text) or sum(map(str.isdigit, text)) > MAX_DIGITS:
            raise UnreadableDocument(f"{term} is not a decimal: {quoted(text)}.", _FIX)
        if currency is not None:
            self._check_currency(path, term, currency)
        return Decimal(text)

    def needed_decimal(self, path: str, term: str, currency: str | None = None) -> Decimal:
        """Give the decimal at the path, which the standard demands."""
        value = self.decimal(path, term, currency)
        if value is None:
            raise missing(term)
        return value

    def date(self, path: str, term: str) -> dt.date | None:
        """Give the date at the path: ISO 8601, or yyyymmdd (UN/EDIFACT format 102)."""
        text = self.text(path, term)
        if text is None:
            return None
        found = _ISO_DATE.fullmatch(text) or _PLAIN_DATE.fullmatch(text)
        try:
            year, month, day = map(int, found.groups()) if found else (0, 0, 0)
            return dt.date(year, month, day)
        except ValueError as error:
            raise UnreadableDocument(f"{term} is not a date: {quoted(text)}.", _FIX) from error

    def needed_date(self, path: str, term: str) -> dt.date:
        """Give the date at the path, which the standard demands."""
        found = self.date(path, term)
        if found is None:
            raise missing(term)
        return found

    def flag(self, path: str, term: str) -> bool:
        """Give the xsd:boolean at the path, which the syntax demands."""
        text = self.needed_text(path, term)
        if text not in {"true", "false", "1", "0"}:
            raise UnreadableDocument(f"{term} is neither true nor false: {quoted(text)}.", _FIX)
        return text in {"true", "1"}

    def _check_currency(self, path: str, term: str, currency: str) -> None:
        stated = self.need(path, term).attribute("currencyID")
        if stated is not None and stated != currency:
            raise UnreadableDocument(
                f"{term} is in {quoted(stated)}, the document in {currency} (BT-5).", _FIX
            )


def missing(term: str) -> UnreadableDocument:
    """Name the mandatory business term that is not there."""
    return UnreadableDocument(f"{term} is missing.", _FIX)
