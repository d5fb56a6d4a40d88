"""UBL 2.1 Invoice and CreditNote to an Invoice. The XML was parsed and checked before."""

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

INVOICE_NS = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CREDIT_NOTE_NS = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
NAMESPACES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
ROOTS: dict[str, Syntax] = {
    f"{{{INVOICE_NS}}}Invoice": "ubl-invoice",
    f"{{{CREDIT_NOTE_NS}}}CreditNote": "ubl-credit-note",
}


def read_ubl(root: etree._Element) -> Invoice:
    """Read a tree whose root is one of ROOTS."""
    syntax = ROOTS[str(root.tag)]
    word = "Invoice" if syntax == "ubl-invoice" else "CreditNote"
    top = Fields(root, NAMESPACES)
    type_code = top.needed_code(f"cbc:{word}TypeCode", "BT-3 (type code)")
    credits_ = syntax == "ubl-credit-note" or type_code in CREDIT_TYPE_CODES
    currency = top.needed_code("cbc:DocumentCurrencyCode", "BT-5 (currency)", r"[A-Z]{3}")
    lines = at_most(MAX_LINES, "lines (BG-25)", top.all(f"cac:{word}Line"))
    if not lines:
        raise missing("BG-25 (invoice line)")
    means = top.all("cac:PaymentMeans")
    return Invoice(
        syntax=syntax,
        kind="credit-note" if credits_ else "invoice",
        type_code=type_code,
        number=top.needed_text("cbc:ID", "BT-1 (invoice number)"),
        issue_date=top.needed_date("cbc:IssueDate", "BT-2 (issue date)"),
        due_date=top.date("cbc:DueDate", "BT-9 (due date)")
        or top.date("cac:PaymentMeans/cbc:PaymentDueDate", "BT-9 (due date)"),
        currency=currency,
        seller=_party(top, "cac:AccountingSupplierParty/cac:Party", "BG-4 (seller)", "BT-27"),
        buyer=_party(top, "cac:AccountingCustomerParty/cac:Party", "BG-7 (buyer)", "BT-44"),
        buyer_reference=top.text("cbc:BuyerReference", "BT-10 (buyer reference)"),
        order_number=top.text("cac:OrderReference/cbc:ID", "BT-13 (order number)"),
        preceding_invoice=top.text(
            "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID", "BT-25 (preceding invoice)"
        ),
        payee=_payee(top, means),
        payment_means=means[0].code("cbc:PaymentMeansCode", "BT-81") if means else None,
        payment_reference=means[0].text("cbc:PaymentID", "BT-83", 140) if means else None,
        terms=top.prose("cac:PaymentTerms/cbc:Note"),
        notes=tuple(
            text
            for note in top.all("cbc:Note")[:MAX_NOTES]
            if (text := note.prose(".")) is not None
        ),
        lines=tuple(_line(line, word, currency) for line in lines),
        adjustments=_adjustments(top, currency, "BT-92", "BT-99"),
        vat=_vat(top, currency),
        totals=_totals(top, currency),
    )


def _party(top: Fields, path: str, group: str, name_term: str) -> Party:
    party = top.need(path, group)
    legal = "cac:PartyLegalEntity/cbc:RegistrationName"
    name = party.text(legal, name_term, 200)
    endpoint = party.first("cbc:EndpointID")
    schemes = party.all("cac:PartyTaxScheme")
    vat = next((one for one in schemes if one.text("cac:TaxScheme/cbc:ID", "tax") == "VAT"), None)
    return Party(
        name=name or party.needed_text("cac:PartyName/cbc:Name", f"{name_term} (name)", 200),
        vat_id=vat.text("cbc:CompanyID", f"VAT id of {group}") if vat else None,
        legal_id=party.text("cac:PartyLegalEntity/cbc:CompanyID", f"legal id of {group}"),
        country=party.code(
            "cac:PostalAddress/cac:Country/cbc:IdentificationCode",
            f"country of {group}",
            r"[A-Z0-9]{2}",
        ),
        endpoint=party.text("cbc:EndpointID", f"electronic address of {group}"),
        endpoint_scheme=endpoint.code_attribute("schemeID") if endpoint else None,
    )


def _payee(top: Fields, means: list[Fields]) -> Payee:
    accounts = [
        account
        for one in means
        for account in one.all("cac:PayeeFinancialAccount")
        if account.text("cbc:ID", "BT-84 (account)")
    ]
    names = [account.needed_text("cbc:ID", "BT-84 (account)") for account in accounts]
    first = accounts[0] if accounts else None
    return Payee(
        name=top.text("cac:PayeeParty/cac:PartyName/cbc:Name", "BT-59 (payee)", 200),
        account_name=first.text("cbc:Name", "BT-85 (account name)", 200) if first else None,
        account=names[0] if names else None,
        iban=normal_iban(names[0]) if names else None,
        bic=first.text("cac:FinancialInstitutionBranch/cbc:ID", "BT-86 (BIC)") if first else None,
        further_accounts=at_most(
            MAX_NOTES,
            "accounts (BT-84)",
            [name for name in dict.fromkeys(names[1:]) if name != names[0]],
        ),
    )


def _line(line: Fields, word: str, currency: str) -> Line:
    kind = "Invoiced" if word == "Invoice" else "Credited"
    quantity = line.need(f"cbc:{kind}Quantity", "BT-129 (quantity)")
    category = "cac:Item/cac:ClassifiedTaxCategory"
    base = line.decimal("cac:Price/cbc:BaseQuantity", "BT-149 (base quantity)")
    return Line(
        id=line.needed_text("cbc:ID", "BT-126 (line id)"),
        name=line.needed_text("cac:Item/cbc:Name", "BT-153 (item name)", 200),
        description=line.prose("cac:Item/cbc:Description"),
        note=line.prose("cbc:Note"),
        order_line=line.text("cac:OrderLineReference/cbc:LineID", "BT-132 (order line)"),
        seller_item_id=line.text("cac:Item/cac:SellersItemIdentification/cbc:ID", "BT-155"),
        buyer_item_id=line.text("cac:Item/cac:BuyersItemIdentification/cbc:ID", "BT-156"),
        quantity=quantity.needed_decimal(".", "BT-129 (quantity)"),
        unit=quantity.code_attribute("unitCode"),
        unit_price=line.needed_decimal("cac:Price/cbc:PriceAmount", "BT-146 (price)", currency),
        base_quantity=Decimal(1) if base is None else base,
        net=line.needed_decimal("cbc:LineExtensionAmount", "BT-131 (line net)", currency),
        vat_category=line.code(f"{category}/cbc:ID", "BT-151 (VAT category)"),
        vat_rate=line.decimal(f"{category}/cbc:Percent", "BT-152 (VAT rate)"),
        adjustments=_adjustments(line, currency, "BT-136", "BT-141"),
    )


def _adjustments(
    parent: Fields, currency: str, allowance: str, charge: str
) -> tuple[Adjustment, ...]:
    found = at_most(MAX_ADJUSTMENTS, "allowances and charges", parent.all("cac:AllowanceCharge"))
    return tuple(
        Adjustment(
            charge=charges,
            amount=one.needed_decimal("cbc:Amount", charge if charges else allowance, currency),
            reason=one.prose("cbc:AllowanceChargeReason"),
            vat_category=one.code(
                "cac:TaxCategory/cbc:ID", "VAT category of an allowance or charge"
            ),
            vat_rate=one.decimal(
                "cac:TaxCategory/cbc:Percent", "VAT rate of an allowance or charge"
            ),
        )
        for one in found
        for charges in (one.flag("cbc:ChargeIndicator", "charge indicator"),)
    )


def _vat(top: Fields, currency: str) -> tuple[VatGroup, ...]:
    groups = [group for total in top.all("cac:TaxTotal") for group in total.all("cac:TaxSubtotal")]
    return tuple(
        VatGroup(
            basis=group.needed_decimal("cbc:TaxableAmount", "BT-116 (VAT basis)", currency),
            tax=group.needed_decimal("cbc:TaxAmount", "BT-117 (VAT amount)", currency),
            category=group.needed_code("cac:TaxCategory/cbc:ID", "BT-118 (VAT category)"),
            rate=group.decimal("cac:TaxCategory/cbc:Percent", "BT-119 (VAT rate)"),
        )
        for group in at_most(MAX_ADJUSTMENTS, "VAT breakdown rows (BG-23)", groups)
    )


def _totals(top: Fields, currency: str) -> Totals:
    totals = top.need("cac:LegalMonetaryTotal", "BG-22 (document totals)")
    vat = [
        one.needed_decimal(".", "BT-110 (VAT total)")
        for one in top.all("cac:TaxTotal/cbc:TaxAmount")
        if one.attribute("currencyID") in {None, currency}
    ]
    return Totals(
        lines=totals.needed_decimal("cbc:LineExtensionAmount", "BT-106 (sum of lines)", currency),
        allowances=totals.decimal("cbc:AllowanceTotalAmount", "BT-107 (allowances)", currency),
        charges=totals.decimal("cbc:ChargeTotalAmount", "BT-108 (charges)", currency),
        net=totals.needed_decimal("cbc:TaxExclusiveAmount", "BT-109 (total net)", currency),
        vat=vat[0] if vat else None,
        gross=totals.needed_decimal("cbc:TaxInclusiveAmount", "BT-112 (total gross)", currency),
        paid=totals.decimal("cbc:PrepaidAmount", "BT-113 (paid)", currency),
        rounding=totals.decimal("cbc:PayableRoundingAmount", "BT-114 (rounding)", currency),
        payable=totals.needed_decimal("cbc:PayableAmount", "BT-115 (payable)", currency),
    )
