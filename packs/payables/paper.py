"""Writes a draft as a hybrid PDF: a page for people, and the same invoice as embedded CII."""

import io

from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    TextStringObject,
)

from packs.payables.drafting import Draft

EMBEDDED_NAME = "factur-x.xml"
_A4 = (595, 842)
_XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="3"
 pdfaid:conformance="B"/>
<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
 fx:DocumentType="INVOICE" fx:DocumentFileName="factur-x.xml" fx:Version="1.0"
 fx:ConformanceLevel="EN 16931"/>
</rdf:RDF></x:xmpmeta><?xpacket end="r"?>"""


def as_pdf(draft: Draft, embedded: bytes | None) -> bytes:
    """Write the page and, unless None, the XML as an associated file. Same draft, same bytes.

    It is read as Factur-X but is no PDF/A-3: no font is embedded, nor is a colour profile.
    """
    writer = PdfWriter()
    page = writer.add_blank_page(*_A4)
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
            NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
        }
    )
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/F1"): writer._add_object(font)})}
    )
    page[NameObject("/Contents")] = writer._add_object(_stream(_page_text(draft)))
    if embedded is not None:
        attached = writer.add_attachment(EMBEDDED_NAME, embedded)
        attached.subtype = NameObject("/text/xml")
        attached.associated_file_relationship = NameObject("/Alternative")
        attached.description = TextStringObject("The invoice as CII")
        writer.root_object[NameObject("/AF")] = ArrayObject(
            [attached.pdf_object.indirect_reference or attached.pdf_object]
        )
        metadata = _stream(_XMP)
        metadata[NameObject("/Type")] = NameObject("/Metadata")
        metadata[NameObject("/Subtype")] = NameObject("/XML")
        writer.root_object[NameObject("/Metadata")] = writer._add_object(metadata)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _stream(content: bytes) -> DecodedStreamObject:
    stream = DecodedStreamObject()
    stream.set_data(content)
    return stream


def _page_text(draft: Draft) -> bytes:
    totals = draft.totals()
    rows = [
        draft.seller.name,
        f"{'Credit note' if draft.is_credit else 'Invoice'} {draft.number}",
        f"Date {draft.issued}, due {draft.due}",
        f"To {draft.buyer.name}",
        f"Order {draft.order or '-'}",
        "",
        *(
            f"{line.quantity:f} x {line.item.name} at {line.price:.2f} = {line.net:.2f}"
            for line in draft.lines
        ),
        "",
        f"Net {totals['net']:.2f}  VAT {totals['vat']:.2f}",
        f"To pay {totals['payable']:.2f} {draft.currency}",
        f"Account {draft.account}",
        *draft.notes,
    ]
    shown = "\n".join(f"({_escaped(row)}) Tj T*" for row in rows)
    return f"BT /F1 11 Tf 16 TL 50 790 Td\n{shown}\nET".encode("cp1252", "replace")


def _escaped(row: str) -> str:
    return row.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
