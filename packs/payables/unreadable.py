"""The one error of reading a document; what the readers accept lives with them."""

import re

from quartet.resilience.failures import Abandon

_HARMLESS = re.compile(r"[0-9A-Za-z_.,:+\- ]{1,40}")


class UnreadableDocument(Abandon):
    """A document that cannot be read: what is wrong with it, and what to do.

    The texts are ours; nothing of the document goes into them but what `quoted` lets through.
    """

    def __init__(self, what: str, what_to_do: str) -> None:
        """Both are sentences for people."""
        super().__init__(f"{what} {what_to_do}", cause="data")
        self.what = what
        self.what_to_do = what_to_do


def quoted(text: str) -> str:
    """Give a short, harmless quotation of untrusted text, or a word that says it is not shown."""
    return f"'{text}'" if _HARMLESS.fullmatch(text) else "(not shown: unusual or long)"
