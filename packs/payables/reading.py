"""From the bytes of an untrusted document to an Invoice. Runs in the reader's limited process."""

from lxml import etree
from pydantic import ValidationError

from packs.payables import cii, ubl
from packs.payables.facturx import embedded_xml
from packs.payables.invoice import Invoice, Syntax
from packs.payables.markup import parse
from packs.payables.unreadable import UnreadableDocument, quoted

_PDF_SIGNATURE = b"%PDF-"
_SIGNATURE_WITHIN = 1024


def read(content: bytes, media_type: str | None = None) -> Invoice:
    """Read UBL, CII or a PDF with embedded CII; the bytes decide, whatever the media type says.

    `media_type` only makes the advice better where the bytes are neither XML nor PDF. Raises
    UnreadableDocument, with what is wrong and what to do; MemoryError where the limits end it.
    """
    if not content.strip():
        raise UnreadableDocument("The document is empty.", "Submit the e-invoice again.")
    if _PDF_SIGNATURE in content[:_SIGNATURE_WITHIN]:
        return _read_tree(parse(embedded_xml(content)), in_pdf=True)
    if not _looks_like_xml(content):
        stated = f" (sent as {quoted(media_type)})" if media_type else ""
        raise UnreadableDocument(
            f"The document is neither XML nor PDF{stated}.",
            "Submit a UBL or CII e-invoice, or a Factur-X PDF.",
        )
    return _read_tree(parse(content), in_pdf=False)


def _looks_like_xml(content: bytes) -> bool:
    """Say whether the first visible character is '<', in UTF-8 or UTF-16."""
    start = content[:_SIGNATURE_WITHIN].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    return start.startswith(b"<")


def _read_tree(root: etree._Element, *, in_pdf: bool) -> Invoice:
    tag = str(root.tag)
    try:
        if tag == cii.ROOT:
            syntax: Syntax = "factur-x" if in_pdf else "cii"
            return cii.read_cii(root, syntax)
        if tag in ubl.ROOTS and not in_pdf:
            return ubl.read_ubl(root)
    except ValidationError as error:
        raise _out_of_bounds(error) from error
    name = etree.QName(root)
    raise UnreadableDocument(
        f"The root element {quoted(name.localname)} is no invoice known here"
        f" (namespace {quoted(name.namespace or 'none')}).",
        "Submit a UBL 2.1 Invoice or CreditNote, or a UN/CEFACT CrossIndustryInvoice (D16B).",
    )


def _out_of_bounds(error: ValidationError) -> UnreadableDocument:
    """Name the fields whose values are outside what an invoice may hold, without the values."""
    fields = sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)})
    return UnreadableDocument(
        f"Outside its bounds: {', '.join(fields[:5])}.", "Ask the sender for a corrected e-invoice."
    )
