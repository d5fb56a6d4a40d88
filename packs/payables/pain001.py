"""The ISO 20022 pain.001.001.09 file of a closed run: its rows, rendered; it decides nothing.

One message per run (message id = run id), one payment information block per currency, one
transfer per vendor, currency and account, with each invoice (CINV) and credit note (CREN) that it
settles. The same rows always give the same bytes.
"""

import os
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import cast

from lxml import etree

from packs.payables.ledger import RunItemRow, RunRow, TransferRow

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_DEFAULT = cast(Mapping[str, str], {None: NAMESPACE})
"""The stubs of lxml leave the default namespace out."""
_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-?:().,'+ ")
_SPELLED = str.maketrans(
    {"ß": "ss", "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "Œ": "OE", "œ": "oe"}
    | {"Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Þ": "Th", "þ": "th", "Ð": "D", "ð": "d"}
)
_ID = 35
_NAME = 70
"""SEPA takes 70 of the 140 characters that ISO 20022 allows."""


def render(run: RunRow, transfers: tuple[TransferRow, ...]) -> bytes | None:
    """Return the file's bytes; None without a transfer above zero, since a file needs one."""
    if not transfers:
        return None
    root = etree.Element(f"{{{NAMESPACE}}}Document", nsmap=_DEFAULT)
    message = _in(root, "CstmrCdtTrfInitn")
    header = _in(message, "GrpHdr")
    _in(header, "MsgId", run.message)
    _in(header, "CreDtTm", f"{run.closed_at:%Y-%m-%dT%H:%M:%SZ}")
    _counted(header, transfers)
    _in(_in(header, "InitgPty"), "Nm", bank_text(run.debtor, _NAME))
    for currency in sorted({t.currency for t in transfers}):
        _block(message, run, currency, [t for t in transfers if t.currency == currency])
    etree.indent(root)
    content: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return content + b"\n"


def write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def bank_text(text: str, most: int) -> str:
    """Return a text in the characters that every bank takes: accents off, others a full stop."""
    plain = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    kept = (c for c in plain if not unicodedata.combining(c))
    return "".join(c if c in _ALLOWED else "." for c in kept)[:most].strip() or "."


def _block(
    message: etree._Element, run: RunRow, currency: str, transfers: list[TransferRow]
) -> None:
    block = _in(message, "PmtInf")
    _in(block, "PmtInfId", f"{run.message}-{currency}")
    _in(block, "PmtMtd", "TRF")
    _counted(block, transfers)
    if currency == "EUR":
        _in(_in(_in(block, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA")
    _in(_in(block, "ReqdExctnDt"), "Dt", _day(run.closed_at.date()))
    _in(_in(block, "Dbtr"), "Nm", bank_text(run.debtor, _NAME))
    _in(_in(_in(block, "DbtrAcct"), "Id"), "IBAN", run.iban)
    _agent(block, "DbtrAgt", run.bic)
    _in(block, "ChrgBr", "SLEV" if currency == "EUR" else "SHAR")
    for transfer in transfers:
        _transfer(block, run, transfer)


def _transfer(block: etree._Element, run: RunRow, transfer: TransferRow) -> None:
    one = _in(block, "CdtTrfTxInf")
    name = f"{run.message}-{transfer.position:05d}"
    _in(_in(one, "PmtId"), "EndToEndId", name)
    _in(_in(one, "Amt"), "InstdAmt", _amount(transfer.amount), Ccy=transfer.currency)
    if transfer.bic is not None:
        _agent(one, "CdtrAgt", transfer.bic)
    _in(_in(one, "Cdtr"), "Nm", bank_text(transfer.name, _NAME))
    _in(_in(_in(one, "CdtrAcct"), "Id"), "IBAN", transfer.iban)
    remittance = _in(one, "RmtInf")
    for item in transfer.items:
        _settled(remittance, item, transfer.currency)


def _settled(remittance: etree._Element, item: RunItemRow, currency: str) -> None:
    kind = item.payment.kind
    structured = _in(remittance, "Strd")
    document = _in(structured, "RfrdDocInf")
    _in(_in(_in(document, "Tp"), "CdOrPrtry"), "Cd", "CINV" if kind == "payment" else "CREN")
    _in(document, "Nb", bank_text(item.payment.number, _ID))
    amounts = _in(structured, "RfrdDocAmt")
    tag = "RmtdAmt" if kind == "payment" else "CdtNoteAmt"
    _in(amounts, tag, _amount(item.amount), Ccy=currency)


def _counted(parent: etree._Element, transfers: Iterable[TransferRow]) -> None:
    amounts = [t.amount for t in transfers]
    _in(parent, "NbOfTxs", str(len(amounts)))
    _in(parent, "CtrlSum", _amount(sum(amounts, Decimal(0))))


def _agent(parent: etree._Element, tag: str, bic: str | None) -> None:
    institution = _in(_in(parent, tag), "FinInstnId")
    if bic is None:
        _in(_in(institution, "Othr"), "Id", "NOTPROVIDED")
    else:
        _in(institution, "BICFI", bic)


def _in(
    parent: etree._Element, tag: str, text: str | None = None, **attributes: str
) -> etree._Element:
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}", attrib=attributes)
    child.text = text
    return child


def _amount(value: Decimal) -> str:
    return f"{value:.2f}"


def _day(day: date) -> str:
    return day.isoformat()
