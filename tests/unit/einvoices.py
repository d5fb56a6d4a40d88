"""The official example e-invoices, which live outside the repository. No tests here."""

import os
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "einvoices"
UBL = (
    "ubl/bis3-positive.xml",
    "ubl/en16931-creditnote1.xml",
    "ubl/en16931-example1.xml",
    "ubl/en16931-example2.xml",
    "ubl/en16931-example3.xml",
    "ubl/en16931-example4.xml",
    "ubl/en16931-example5.xml",
    "ubl/peppol-allowance-example.xml",
    "ubl/peppol-base-example.xml",
    "ubl/peppol-vat-category-s.xml",
)
CII = (
    "cii/en16931-example1.xml",
    "cii/en16931-example2.xml",
    "cii/en16931-example3.xml",
    "cii/en16931-example4.xml",
)


def official(name: str) -> bytes:
    """Give an official example; a missing one fails in CI and skips elsewhere."""
    path = FOLDER / name
    if not path.is_file():
        if os.environ.get("CI"):
            pytest.fail(f"{path} is missing; CI needs the official e-invoices in {FOLDER}")
        pytest.skip(f"the official e-invoices are not in {FOLDER}")
    return path.read_bytes()


def stated(content: bytes, group: str, element: str) -> Decimal | None:
    """Give an amount by plain search in the XML, independent of the reader under test."""
    for parent in etree.fromstring(content).iter(f"{{*}}{group}"):
        for child in parent:
            if etree.QName(child).localname == element:
                return Decimal(child.text or "")
    return None
