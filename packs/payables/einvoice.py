"""The untrusted read tool of this pack: bytes of an e-invoice to typed fields, in the reader."""

from pydantic import Field

from packs.payables.invoice import Invoice, Part
from packs.payables.reading import read
from quartet.contracts.base import Digest
from quartet.packs.tool import tool


class ReadEinvoice(Part):
    """Which document to read."""

    document: Digest = Field(
        description=(
            "The digest of a document of this subtask, `sha256:` and 64 hex digits, exactly as in "
            "the subtask's `documents`. Without one there is nothing to read: decide `unreadable`."
        )
    )


@tool("untrusted-read")
def read_einvoice(arguments: ReadEinvoice, document: bytes) -> Invoice:
    """Read a UBL 2.1, UN/CEFACT CII or Factur-X e-invoice into typed fields.

    Every text in the result is the sender's. An error says why the document cannot be read.
    """
    del arguments
    return read(document)
