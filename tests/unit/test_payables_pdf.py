import io
import random
from contextlib import suppress

import pypdf
import pytest

from packs.payables.facturx import MAX_PDF_BYTES
from packs.payables.paper import as_pdf
from packs.payables.reading import read
from packs.payables.rendering import as_cii, as_ubl
from packs.payables.unreadable import UnreadableDocument
from tests.unit.einvoices import official
from tests.unit.test_payables_cii import drafts


def pdf_with(*attachments: tuple[str, bytes]) -> bytes:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    for name, content in attachments:
        writer.add_attachment(name, content)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def why_unreadable(content: bytes) -> str:
    with pytest.raises(UnreadableDocument) as refused:
        read(content)
    return refused.value.what


def test_a_hybrid_pdf_reads_as_the_xml_inside_it() -> None:
    draft = drafts()[0]

    invoice = read(as_pdf(draft, as_cii(draft)))

    assert invoice.syntax == "factur-x"
    assert invoice == read(as_cii(draft)).model_copy(update={"syntax": "factur-x"})


def test_the_page_shows_the_same_invoice_to_people() -> None:
    draft = drafts()[0]

    text = pypdf.PdfReader(io.BytesIO(as_pdf(draft, as_cii(draft)))).pages[0].extract_text()

    assert draft.number in text
    assert f"To pay {draft.totals()['payable']:.2f} EUR" in text


@pytest.mark.parametrize(
    "name", ["factur-x.xml", "ZUGFeRD-invoice.xml", "zugferd-invoice.xml", "xrechnung.xml"]
)
def test_every_usual_name_of_the_embedded_invoice_is_found(name: str) -> None:
    embedded = official("cii/en16931-example4.xml")

    invoice = read(pdf_with(("terms.txt", b"..."), (name, embedded)))

    assert invoice.number == "TOSL110"


def test_a_pdf_without_an_invoice_says_so() -> None:
    draft = drafts()[0]

    assert why_unreadable(as_pdf(draft, None)) == "The PDF embeds no invoice XML."
    assert why_unreadable(pdf_with(("data.xml", as_cii(draft)))) == "The PDF embeds no invoice XML."


def test_two_different_invoices_in_a_pdf_are_refused() -> None:
    one, other = map(as_cii, drafts()[:2])

    what = why_unreadable(pdf_with(("factur-x.xml", one), ("xrechnung.xml", other)))

    assert what == "The PDF embeds several different invoices."


def test_another_syntax_inside_a_pdf_is_refused() -> None:
    what = why_unreadable(pdf_with(("factur-x.xml", as_ubl(drafts()[0]))))

    assert "'Invoice' is no invoice known here" in what


def test_an_embedded_document_type_is_refused() -> None:
    assert "DTD" in why_unreadable(pdf_with(("factur-x.xml", b"<!DOCTYPE a><a/>")))


def test_a_huge_pdf_is_refused_unread() -> None:
    assert "at most" in why_unreadable(b"%PDF-1.7\n" + b" " * MAX_PDF_BYTES)


def test_an_encrypted_pdf_is_refused() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf_with(("factur-x.xml", b"<a/>"))))
    writer.encrypt("secret", algorithm="AES-256")
    written = io.BytesIO()
    writer.write(written)

    assert "damaged or encrypted" in why_unreadable(written.getvalue())


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_pdf_is_read_or_refused_never_anything_else(seed: int) -> None:
    draft = drafts()[0]
    content = bytearray(as_pdf(draft, as_cii(draft)))
    chance = random.Random(seed)
    for _ in range(60):
        content[chance.randrange(5, len(content))] = chance.randrange(256)

    with suppress(UnreadableDocument):
        assert read(bytes(content)).syntax == "factur-x"
