"""Documents on their way into the reader's store; how they are read is elsewhere."""

from quartet.contracts.base import Base64, Contract
from quartet.contracts.task import FileName, MediaType

MAX_DOCUMENT = 10 * 1024 * 1024
"""The largest document that the reader takes, in bytes."""


class Upload(Contract):
    """One document to store; its digest is its address from then on.

    The store refuses an empty one (422) and one over MAX_DOCUMENT (413).
    """

    content: Base64
    media_type: MediaType = "application/octet-stream"
    name: FileName = ""
