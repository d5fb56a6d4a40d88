"""UN/CEFACT Cross Industry Invoice (D16B) to an Invoice. The XML was parsed and checked before."""

from decimal import Decimal

from lxml import etree

from packs.payables.fields import Fields, missing
from packs.payables.invoice import (
    CREDIT_TYPE_CODES,
    MAX_ADJUSTMENTS,
    MAX_LINES,
    MAX_NOTES,
    Adjustment,
    Invoice,
    Line,
    Party,
    Payee,
    Syntax,
    Totals,
    VatGroup,
)
from packs.payables.markup import at_most
from packs.payables.normal import normal_iban

_URN = "urn:un:unece:uncefact:data:standard"
NAMESPACES = {
    "rsm": f"{_URN}:CrossIndustryInvoice:100",
    "ram": f"{_URN}:ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{_URN}:UnqualifiedDataType:100",
    "qdt": f"{_URN}:QualifiedDataType:100",
}
ROOT = f"{{{NAMESPACES['rsm']}}}CrossIndustryInvoice"
_DAY = "udt:DateTimeString"
_MEANS = "ram:SpecifiedTradeSettlementPaymentMeans"


def read_cii(root: etree._Element, syntax: Syntax = "cii") -> Invoice:
    """Read a tree whose root is ROOT; `syntax` says what it came in."""
    top = Fields(root, NAMESPACES)
    document = top.need("rsm:ExchangedDocument", "BT-1 (invoice number)")
    trade = top.need("rsm:SupplyChainTradeTransaction", "BG-25 (invoice line)")
    agreement = trade.need("ram:ApplicableHeaderTradeAgreement", "BG-4 (seller)")
    settlement = trade.need("ram:ApplicableHeaderTradeSettlement", "BG-22 (document totals)")
    type_code = document.needed_code("ram:TypeCode", "BT-3 (type code)")
    currency = settlement.needed_code("ram:InvoiceCurrencyCode", "BT-5 (currency)", r"[A-Z]{3}")
    lines = at_most(MAX_LINES, "lines (BG-25)", trade.all("ram:IncludedSupplyChainTradeLineItem"))
    if not lines:
        raise missing("BG-25 (invoice line)")
    terms = "ram:SpecifiedTradePaymentTerms"
    return Invoice(
        syntax=syntax,
        kind="credit-note" if type_code in CREDIT_TYPE_CODES else "invoice",
        type_code=type_code,
        number=document.needed_text("ram:ID", "BT-1 (invoice number)"),
        issue_date=document.needed_date(f"ram:IssueDateTime/{_DAY}", "BT-2 (issue date)"),
        due_date=settlement.date(f"{terms}/ram:DueDateDateTime/{_DAY}", "BT-9 (due date)"),
        currency=currency,
        seller=_party(agreement, "ram:SellerTradeParty", "BG-4 (seller)", "BT-27"),
        buyer=_party(agreement, "ram:BuyerTradeParty", "BG-7 (buyer)", "BT-44"),
        buyer_reference=agreement.text("ram:BuyerReference", "BT-10 (buyer reference)"),
        order_number=agreement.text(
            "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID", "BT-13 (order number)"
        ),
        preceding_invoice=settlement.text(
            "ram:InvoiceReferencedDocument/ram:IssuerAssignedID", "BT-25 (preceding invoice)"
        ),
        payee=_payee(settlement),
        payment_means=settlement.code(f"{_MEANS}/ram:TypeCode", "BT-81 (payment means)"),
        payment_reference=settlement.text("ram:PaymentReference", "BT-83", 140),
        terms=settlement.prose(f"{terms}/ram:Description"),
        notes=tuple(
            text
            for note in document.all("ram:IncludedNote/ram:Content")[:MAX_NOTES]
            if (text := note.prose(".")) is not None
        ),
        lines=tuple(_line(line, currency) for line in lines),
        adjustments=_adjustments(settlement, currency, "BT-92", "BT-99"),
        vat=_vat(settlement, currency),
        totals=_totals(settlement, currency),
    )


def _party(agreement: Fields, path: str, group: str, name_term: str) -> Party:
    party = agreement.need(path, group)
    endpoint = party.first("ram:URIUniversalCommunication/ram:URIID")
    return Party(
        name=party.needed_text("ram:Name", f"{name_term} (name)", 200),
        vat_id=party.text(
            "ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']", f"VAT id of {group}"
        ),
        legal_id=party.text("ram:SpecifiedLegalOrganization/ram:ID", f"legal id of {group}"),
        country=party.code(
            "ram:PostalTradeAddress/ram:CountryID", f"country of {group}", r"[A-Z0-9]{2}"
        ),
        endpoint=endpoint.text(".", f"electronic address of {group}") if endpoint else None,
        endpoint_scheme=endpoint.code_attribute("schemeID") if endpoint else None,
    )


def _payee(settlement: Fields) -> Payee:
    account = "ram:PayeePartyCreditorFinancialAccount"
    bank = "ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID"
    found = [
        (one, name)
        for one in settlement.all(_MEANS)
        if (
            name := one.text(f"{account}/ram:IBANID", "BT-84 (account)")
            or one.text(f"{account}/ram:ProprietaryID", "BT-84 (account)")
        )
    ]
    first, name = found[0] if found else (None, None)
    others = [other for other in dict.fromkeys(other for _, other in found) if other != name]
    return Payee(
        name=settlement.text("ram:PayeeTradeParty/ram:Name", "BT-59 (payee)", 200),
        account_name=first.text(f"{account}/ram:AccountName", "BT-85", 200) if first else None,
        account=name,
        iban=normal_iban(name) if name else None,
        bic=first.text(bank, "BT-86 (BIC)") if first else None,
        further_accounts=at_most(MAX_NOTES, "accounts (BT-84)", others),
    )


def _line(line: Fields, currency: str) -> Line:
    product = line.need("ram:SpecifiedTradeProduct", "BT-153 (item name)")
    agreement = line.need("ram:SpecifiedLineTradeAgreement", "BT-146 (price)")
    delivery = line.need("ram:SpecifiedLineTradeDelivery", "BT-129 (quantity)")
    settlement = line.need("ram:SpecifiedLineTradeSettlement", "BT-131 (line net)")
    quantity = delivery.need("ram:BilledQuantity", "BT-129 (quantity)")
    price = "ram:NetPriceProductTradePrice"
    base = agreement.decimal(f"{price}/ram:BasisQuantity", "BT-149 (base quantity)")
    document = "ram:AssociatedDocumentLineDocument"
    summation = "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount"
    tax = "ram:ApplicableTradeTax"
    return Line(
        id=line.needed_text(f"{document}/ram:LineID", "BT-126 (line id)"),
        name=product.needed_text("ram:Name", "BT-153 (item name)", 200),
        description=product.prose("ram:Description"),
        note=line.prose(f"{document}/ram:IncludedNote/ram:Content"),
        order_line=agreement.text("ram:BuyerOrderReferencedDocument/ram:LineID", "BT-132"),
        seller_item_id=product.text("ram:SellerAssignedID", "BT-155"),
        buyer_item_id=product.text("ram:BuyerAssignedID", "BT-156"),
        quantity=quantity.needed_decimal(".", "BT-129 (quantity)"),
        unit=quantity.code_attribute("unitCode"),
        unit_price=agreement.needed_decimal(
            f"{price}/ram:ChargeAmount", "BT-146 (price)", currency
        ),
        base_quantity=Decimal(1) if base is None else base,
        net=settlement.needed_decimal(summation, "BT-131 (line net)", currency),
        vat_category=settlement.code(f"{tax}/ram:CategoryCode", "BT-151 (VAT category)"),
        vat_rate=settlement.decimal(f"{tax}/ram:RateApplicablePercent", "BT-152 (VAT rate)"),
        adjustments=_adjustments(settlement, currency, "BT-136", "BT-141"),
    )


def _adjustments(
    settlement: Fields, currency: str, allowance: str, charge: str
) -> tuple[Adjustment, ...]:
    found = settlement.all("ram:SpecifiedTradeAllowanceCharge")
    tax = "ram:CategoryTradeTax"
    return tuple(
        Adjustment(
            charge=charges,
            amount=one.needed_decimal(
                "ram:ActualAmount", charge if charges else allowance, currency
            ),
            reason=one.prose("ram:Reason"),
            vat_category=one.code(
                f"{tax}/ram:CategoryCode", "VAT category of an allowance or charge"
            ),
            vat_rate=one.decimal(
                f"{tax}/ram:RateApplicablePercent", "VAT rate of an allowance or charge"
            ),
        )
        for one in at_most(MAX_ADJUSTMENTS, "allowances and charges", found)
        for charges in (one.flag("ram:ChargeIndicator/udt:Indicator", "charge indicator"),)
    )


def _vat(settlement: Fields, currency: str) -> tuple[VatGroup, ...]:
    groups = settlement.all("ram:ApplicableTradeTax")
    return tuple(
        VatGroup(
            basis=group.needed_decimal("ram:BasisAmount", "BT-116 (VAT basis)", currency),
            tax=group.needed_decimal("ram:CalculatedAmount", "BT-117 (VAT amount)", currency),
            category=group.needed_code("ram:CategoryCode", "BT-118 (VAT category)"),
            rate=group.decimal("ram:RateApplicablePercent", "BT-119 (VAT rate)"),
        )
        for group in at_most(MAX_ADJUSTMENTS, "VAT breakdown rows (BG-23)", groups)
    )


def _totals(settlement: Fields, currency: str) -> Totals:
    totals = settlement.need(
        "ram:SpecifiedTradeSettlementHeaderMonetarySummation", "BG-22 (document totals)"
    )
    vat = [
        one.needed_decimal(".", "BT-110 (VAT total)")
        for one in totals.all("ram:TaxTotalAmount")
        if one.attribute("currencyID") in {None, currency}
    ]
    return Totals(
        lines=totals.needed_decimal("ram:LineTotalAmount", "BT-106 (sum of lines)", currency),
        allowances=totals.decimal("ram:AllowanceTotalAmount", "BT-107 (allowances)", currency),
        charges=totals.decimal("ram:ChargeTotalAmount", "BT-108 (charges)", currency),
        net=totals.needed_decimal("ram:TaxBasisTotalAmount", "BT-109 (total net)", currency),
        vat=vat[0] if vat else None,
        gross=totals.needed_decimal("ram:GrandTotalAmount", "BT-112 (total gross)", currency),
        paid=totals.decimal("ram:TotalPrepaidAmount", "BT-113 (paid)", currency),
        rounding=totals.decimal("ram:RoundingAmount", "BT-114 (rounding)", currency),
        payable=totals.needed_decimal("ram:DuePayableAmount", "BT-115 (payable)", currency),
    )
