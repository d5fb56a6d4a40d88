"""Normal forms: cleaned text, invoice numbers, IBANs. Decides nothing about an invoice."""

import re
import unicodedata

from stdnum import iban as _iban
from stdnum.exceptions import ValidationError

_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_RUNS = re.compile(r"[0-9]+|[^0-9]+")


def clean_text(text: str) -> str:
    """NFC, one line: control, format (bidi, zero-width), private and unassigned characters go.

    White space of any kind and length becomes one space, so a text cannot fake a second line.
    """
    spaced = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFC", text))
    kept = "".join(char for char in spaced if unicodedata.category(char) not in _DROPPED)
    return " ".join(kept.split())


def normal_number(text: str) -> str:
    """Give the invoice number as the duplicate rule compares it, per vendor.

    NFKC (full-width characters fold), upper case, accents off, then letters and digits only, and
    each run of digits loses its leading zeros: 'inv-0042', 'INV 42' and 'Inv.00042' are one number,
    and so are '2024-0042' and '20240042'. Separators go first, so '1-023' and '10-23' are one
    number too: a pair a person has to look at costs less than an invoice paid twice.

    A number without any letter or digit has no normal form: ValueError.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).upper())
    kept = "".join(str(unicodedata.digit(char, char)) for char in folded if char.isalnum())
    if not kept:
        raise ValueError("An invoice number needs at least one letter or digit.")
    runs: list[str] = _RUNS.findall(kept)
    return "".join(run.lstrip("0") or "0" if run.isdigit() else run for run in runs)


def normal_iban(text: str) -> str | None:
    """Give the IBAN in electronic form (no spaces, upper case), or None where it is not one.

    Checked: country, length and structure, and the ISO 7064 check digits. The national check
    digits inside the account number are left to the bank.
    """
    try:
        return _iban.validate(clean_text(text), check_country=False)
    except ValidationError:
        return None


def normal_name(text: str) -> str:
    """Give a company name for comparison: NFKC, case-folded, letters and digits, single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(char if char.isalnum() else " " for char in folded).split())
