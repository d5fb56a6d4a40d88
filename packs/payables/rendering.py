"""Writes a draft as UBL 2.1 or as UN/CEFACT CII. Reading is the business of ubl.py and cii.py."""

from collections.abc import Callable
from functools import partial

from lxml import etree

from packs.payables import cii, ubl
from packs.payables.drafting import Draft, DraftLine
from packs.payables.master import Company, Vendor

_PROFILE = "urn:cen.eu:en16931:2017"
Element = etree._Element


class _Maker:
    """Makes elements of one namespace: `maker.Tag(child or text, ..., attribute="text")`."""

    def __init__(self, prefix: str, namespaces: dict[str, str]) -> None:
        self._namespace = namespaces[prefix]
        self._nsmap = namespaces

    def __call__(self, tag: str, *children: Element | str, **attributes: str) -> Element:
        element = etree.Element(f"{{{self._namespace}}}{tag}", attributes, nsmap=self._nsmap)
        for child in children:
            if isinstance(child, str):
                element.text = child
            else:
                element.append(child)
        return element

    def __getattr__(self, tag: str) -> Callable[..., Element]:
        return partial(self, tag)


_CBC = _Maker("cbc", ubl.NAMESPACES)
_CAC = _Maker("cac", ubl.NAMESPACES)
_RSM = _Maker("rsm", cii.NAMESPACES)
_RAM = _Maker("ram", cii.NAMESPACES)
_UDT = _Maker("udt", cii.NAMESPACES)


def as_ubl(draft: Draft) -> bytes:
    """Write an Invoice, or a CreditNote where the draft credits an invoice."""
    word = "CreditNote" if draft.is_credit else "Invoice"
    namespace = ubl.CREDIT_NOTE_NS if draft.is_credit else ubl.INVOICE_NS
    prefixes = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in ubl.NAMESPACES.items())
    root = etree.fromstring(f'<{word} xmlns="{namespace}" {prefixes}/>')
    due = [] if draft.is_credit else [_CBC.DueDate(draft.due.isoformat())]
    root.extend(
        [
            _CBC.CustomizationID(_PROFILE),
            _CBC.ID(draft.number),
            _CBC.IssueDate(draft.issued.isoformat()),
            *due,
            _CBC(f"{word}TypeCode", "381" if draft.is_credit else "380"),
            *(_CBC.Note(note) for note in draft.notes),
            _CBC.DocumentCurrencyCode(draft.currency),
            *([_CAC.OrderReference(_CBC.ID(draft.order))] if draft.order else []),
            *_ubl_preceding(draft),
            _CAC.AccountingSupplierParty(_ubl_party(draft.seller)),
            _CAC.AccountingCustomerParty(_ubl_party(draft.buyer)),
            *_ubl_means(draft),
            _ubl_tax(draft),
            _ubl_totals(draft),
            *(_ubl_line(draft, line, number) for number, line in enumerate(draft.lines, start=1)),
        ]
    )
    return _written(root)


def _ubl_preceding(draft: Draft) -> list[Element]:
    if draft.credits_number is None:
        return []
    return [_CAC.BillingReference(_CAC.InvoiceDocumentReference(_CBC.ID(draft.credits_number)))]


def _ubl_party(party: Vendor | Company) -> Element:
    return _CAC.Party(
        _CBC.EndpointID(f"invoices@{party.vat_id.lower()}.example", schemeID="EM"),
        _CAC.PostalAddress(_CAC.Country(_CBC.IdentificationCode(party.country))),
        _CAC.PartyTaxScheme(_CBC.CompanyID(party.vat_id), _CAC.TaxScheme(_CBC.ID("VAT"))),
        _CAC.PartyLegalEntity(_CBC.RegistrationName(party.name)),
    )


def _ubl_means(draft: Draft) -> list[Element]:
    if not draft.account:
        return []
    return [
        _CAC.PaymentMeans(
            _CBC.PaymentMeansCode("30"),
            _CBC.PaymentID(draft.number),
            _CAC.PayeeFinancialAccount(
                _CBC.ID(draft.account), _CAC.FinancialInstitutionBranch(_CBC.ID(draft.seller.bic))
            ),
        )
    ]


def _ubl_tax(draft: Draft) -> Element:
    currency = {"currencyID": draft.currency}
    return _CAC.TaxTotal(
        _CBC.TaxAmount(f"{draft.totals()['vat']:.2f}", **currency),
        *(
            _CAC.TaxSubtotal(
                _CBC.TaxableAmount(f"{basis:.2f}", **currency),
                _CBC.TaxAmount(f"{tax:.2f}", **currency),
                _CAC.TaxCategory(
                    _CBC.ID("S"), _CBC.Percent(f"{rate:f}"), _CAC.TaxScheme(_CBC.ID("VAT"))
                ),
            )
            for rate, basis, tax in draft.vat()
        ),
    )


def _ubl_totals(draft: Draft) -> Element:
    names = {
        "lines": "LineExtensionAmount",
        "net": "TaxExclusiveAmount",
        "gross": "TaxInclusiveAmount",
        "payable": "PayableAmount",
    }
    totals = draft.totals()
    return _CAC.LegalMonetaryTotal(
        *(
            _CBC(tag, f"{totals[name]:.2f}", currencyID=draft.currency)
            for name, tag in names.items()
        )
    )


def _ubl_line(draft: Draft, line: DraftLine, number: int) -> Element:
    kind, done = ("CreditNote", "Credited") if draft.is_credit else ("Invoice", "Invoiced")
    item = line.item
    description = [_CBC.Description(line.description)] if line.description else []
    reference = [_CAC.OrderLineReference(_CBC.LineID(item.line))] if draft.order else []
    tax = _CAC.ClassifiedTaxCategory(
        _CBC.ID("S"), _CBC.Percent(f"{item.vat_rate:f}"), _CAC.TaxScheme(_CBC.ID("VAT"))
    )
    return _CAC(
        f"{kind}Line",
        _CBC.ID(str(number)),
        _CBC(f"{done}Quantity", f"{line.quantity:f}", unitCode=item.unit),
        _CBC.LineExtensionAmount(f"{line.net:.2f}", currencyID=draft.currency),
        *reference,
        _CAC.Item(
            *description,
            _CBC.Name(item.name),
            _CAC.SellersItemIdentification(_CBC.ID(item.item_id)),
            tax,
        ),
        _CAC.Price(_CBC.PriceAmount(f"{line.price:f}", currencyID=draft.currency)),
    )


def as_cii(draft: Draft) -> bytes:
    """Write a CrossIndustryInvoice; a credit note is one of type 381."""
    notes = [_RAM.IncludedNote(_RAM.Content(note)) for note in draft.notes]
    lines = [_cii_line(draft, line, number) for number, line in enumerate(draft.lines, start=1)]
    order = (
        [_RAM.BuyerOrderReferencedDocument(_RAM.IssuerAssignedID(draft.order))]
        if draft.order
        else []
    )
    root = _RSM.CrossIndustryInvoice(
        _RSM.ExchangedDocumentContext(
            _RAM.GuidelineSpecifiedDocumentContextParameter(_RAM.ID(_PROFILE))
        ),
        _RSM.ExchangedDocument(
            _RAM.ID(draft.number),
            _RAM.TypeCode("381" if draft.is_credit else "380"),
            _RAM.IssueDateTime(_UDT.DateTimeString(f"{draft.issued:%Y%m%d}", format="102")),
            *notes,
        ),
        _RSM.SupplyChainTradeTransaction(
            *lines,
            _RAM.ApplicableHeaderTradeAgreement(
                _RAM.SellerTradeParty(*_cii_party(draft.seller)),
                _RAM.BuyerTradeParty(*_cii_party(draft.buyer)),
                *order,
            ),
            _RAM.ApplicableHeaderTradeDelivery(),
            _cii_settlement(draft),
        ),
    )
    return _written(root)


def _cii_party(party: Vendor | Company) -> list[Element]:
    return [
        _RAM.Name(party.name),
        _RAM.PostalTradeAddress(_RAM.CountryID(party.country)),
        _RAM.URIUniversalCommunication(
            _RAM.URIID(f"invoices@{party.vat_id.lower()}.example", schemeID="EM")
        ),
        _RAM.SpecifiedTaxRegistration(_RAM.ID(party.vat_id, schemeID="VA")),
    ]


def _cii_settlement(draft: Draft) -> Element:
    totals = {name: f"{amount:.2f}" for name, amount in draft.totals().items()}
    preceding = (
        [_RAM.InvoiceReferencedDocument(_RAM.IssuerAssignedID(draft.credits_number))]
        if draft.credits_number
        else []
    )
    means = (
        [
            _RAM.SpecifiedTradeSettlementPaymentMeans(
                _RAM.TypeCode("30"),
                _RAM.PayeePartyCreditorFinancialAccount(_RAM.IBANID(draft.account)),
                _RAM.PayeeSpecifiedCreditorFinancialInstitution(_RAM.BICID(draft.seller.bic)),
            )
        ]
        if draft.account
        else []
    )
    due = _UDT.DateTimeString(f"{draft.due:%Y%m%d}", format="102")
    return _RAM.ApplicableHeaderTradeSettlement(
        _RAM.PaymentReference(draft.number),
        _RAM.InvoiceCurrencyCode(draft.currency),
        *means,
        *(_cii_tax(f"{rate:f}", f"{basis:.2f}", f"{tax:.2f}") for rate, basis, tax in draft.vat()),
        _RAM.SpecifiedTradePaymentTerms(_RAM.DueDateDateTime(due)),
        _RAM.SpecifiedTradeSettlementHeaderMonetarySummation(
            _RAM.LineTotalAmount(totals["lines"]),
            _RAM.TaxBasisTotalAmount(totals["net"]),
            _RAM.TaxTotalAmount(totals["vat"], currencyID=draft.currency),
            _RAM.GrandTotalAmount(totals["gross"]),
            _RAM.DuePayableAmount(totals["payable"]),
        ),
        *preceding,
    )


def _cii_tax(rate: str, basis: str | None = None, tax: str | None = None) -> Element:
    return _RAM.ApplicableTradeTax(
        *([_RAM.CalculatedAmount(tax)] if tax else []),
        _RAM.TypeCode("VAT"),
        *([_RAM.BasisAmount(basis)] if basis else []),
        _RAM.CategoryCode("S"),
        _RAM.RateApplicablePercent(rate),
    )


def _cii_line(draft: Draft, line: DraftLine, number: int) -> Element:
    item = line.item
    reference = [_RAM.BuyerOrderReferencedDocument(_RAM.LineID(item.line))] if draft.order else []
    description = [_RAM.Description(line.description)] if line.description else []
    return _RAM.IncludedSupplyChainTradeLineItem(
        _RAM.AssociatedDocumentLineDocument(_RAM.LineID(str(number))),
        _RAM.SpecifiedTradeProduct(
            _RAM.SellerAssignedID(item.item_id), _RAM.Name(item.name), *description
        ),
        _RAM.SpecifiedLineTradeAgreement(
            *reference, _RAM.NetPriceProductTradePrice(_RAM.ChargeAmount(f"{line.price:f}"))
        ),
        _RAM.SpecifiedLineTradeDelivery(
            _RAM.BilledQuantity(f"{line.quantity:f}", unitCode=item.unit)
        ),
        _RAM.SpecifiedLineTradeSettlement(
            _cii_tax(f"{item.vat_rate:f}"),
            _RAM.SpecifiedTradeSettlementLineMonetarySummation(
                _RAM.LineTotalAmount(f"{line.net:.2f}")
            ),
        ),
    )


def _written(root: Element) -> bytes:
    etree.cleanup_namespaces(root)
    return etree.tostring(root, pretty_print=True, xml_declaration=True, encoding="UTF-8")
