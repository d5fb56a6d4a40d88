"""The invoice XML inside a hybrid PDF (Factur-X, ZUGFeRD). The page itself is never interpreted."""

import codecs
import io
import struct
import zlib
from collections.abc import Iterator
from itertools import islice

import pypdf
from pypdf.errors import PyPdfError

from packs.payables.markup import MAX_BYTES
from packs.payables.unreadable import UnreadableDocument

MAX_PDF_BYTES = 20 * 1024 * 1024
MAX_ATTACHMENTS = 20
INVOICE_NAMES = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml")
_ASK = "Ask the sender for a Factur-X or ZUGFeRD PDF, or for the XML invoice itself."
# What pypdf raises on damaged files, besides its own errors.
_DAMAGE = (
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
# The limited process can open no file, so codecs that pypdf looks up late are loaded now.
for _codec in ("latin-1", "utf-16", "utf-16-be", "utf-16-le", "utf-8-sig", "ascii", "cp1252"):
    codecs.lookup(_codec)


def embedded_xml(content: bytes) -> bytes:
    """Give the embedded invoice XML of a PDF; UnreadableDocument says why there is none."""
    if len(content) > MAX_PDF_BYTES:
        raise UnreadableDocument(
            f"The PDF has {len(content)} bytes; at most {MAX_PDF_BYTES} are read.",
            "Ask the sender for a smaller PDF.",
        )
    try:
        found = dict(_invoices(content))
    except _DAMAGE as error:
        raise UnreadableDocument(
            f"The PDF is damaged or encrypted ({type(error).__name__}).", _ASK
        ) from error
    if not found:
        raise UnreadableDocument("The PDF embeds no invoice XML.", _ASK)
    if len(set(found.values())) > 1:
        raise UnreadableDocument(
            "The PDF embeds several different invoices.", "Ask the sender for one PDF per invoice."
        )
    return next(iter(found.values()))


def _invoices(content: bytes) -> Iterator[tuple[str, bytes]]:
    caps = pypdf.get_configuration().with_overwrites(
        zlib_maximum_output_length=MAX_BYTES,
        lzw_maximum_output_length=MAX_BYTES,
        run_length_maximum_output_length=MAX_BYTES,
        disable_legacy_handling=True,
    )
    with pypdf.apply_configuration(caps):
        reader = pypdf.PdfReader(io.BytesIO(content))
        for attachment in islice(reader.attachment_list, MAX_ATTACHMENTS):
            name = attachment.name.lower()
            if name in INVOICE_NAMES:
                yield name, attachment.content
