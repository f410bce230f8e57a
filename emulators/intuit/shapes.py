"""What each object may contain: property names, kinds, lengths.

Intuit: names from the v3 schemas (Finance.xsd), lengths and required marks from the API reference as collected in
qbo.md sections 2 and 5. A name that is not here is an unknown property (fault 2010).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Field:
    """One property. `family` names the list a reference points into; `shape` describes a nested object."""

    kind: str
    limit: int = 0
    required: bool = False
    family: str = ""
    choices: tuple[str, ...] = ()
    shape: Mapping[str, Field] = field(default_factory=dict)


Shape = Mapping[str, Field]


def _text(limit: int = 4000, required: bool = False) -> Field:
    return Field("text", limit, required)


def _ref(family: str = "", required: bool = False) -> Field:
    return Field("ref", family=family, required=required)


def _choice(*choices: str) -> Field:
    return Field("choice", choices=choices)


def _object(shape: Shape) -> Field:
    return Field("object", shape=shape)


def _list(shape: Shape, required: bool = False) -> Field:
    return Field("list", shape=shape, required=required)


MONEY, NUMBER, WHOLE, DATE, FLAG = (Field(kind) for kind in ("money", "number", "whole", "date", "flag"))
COMPUTED, OPAQUE, DESKTOP = (Field(kind) for kind in ("computed", "opaque", "desktop"))

_ENVELOPE: Shape = {
    "Id": COMPUTED,
    "SyncToken": COMPUTED,
    "MetaData": COMPUTED,
    "domain": COMPUTED,
    "sparse": COMPUTED,
    "status": COMPUTED,
    "CustomField": OPAQUE,
    "AttachableRef": OPAQUE,
}
_ADDRESS = _object(
    {
        "Id": COMPUTED,
        **{name: _text(500) for name in ("Line1", "Line2", "Line3", "Line4", "Line5")},
        **{name: _text(255) for name in ("City", "Country", "CountryCode", "County", "CountrySubDivisionCode")},
        **{name: _text(60) for name in ("PostalCode", "PostalCodeSuffix", "Lat", "Long", "Tag")},
        "Note": _text(),
    }
)
_EMAIL = _object({"Id": COMPUTED, "Address": _text(100), "Default": FLAG, "Tag": _text(100)})
_PHONE = _object(
    {
        "Id": COMPUTED,
        "FreeFormNumber": _text(30),
        "Default": FLAG,
        **{n: _text(30) for n in ("DeviceType", "CountryCode", "AreaCode", "ExchangeCode", "Extension", "Tag")},
    }
)
_WEB = _object({"Id": COMPUTED, "URI": _text(1000), "Default": FLAG, "Tag": _text(100)})
_LINKED_TXN = _list({"TxnId": _text(40), "TxnType": _text(40), "TxnLineId": _text(40)})
_MARKUP = _object(
    {
        "PercentBased": FLAG,
        "Value": NUMBER,
        "Percent": NUMBER,
        "PriceLevelRef": _ref(),
        "MarkUpIncomeAccountRef": _ref("Account"),
    }
)
_BILLABLE = _choice("Billable", "NotBillable", "HasBeenBilled")

_ACCOUNT_DETAIL: Shape = {
    "AccountRef": _ref("Account", required=True),
    "CustomerRef": _ref("Customer"),
    "ClassRef": _ref("Class"),
    "TaxCodeRef": _ref("TaxCode"),
    "BillableStatus": _BILLABLE,
    "MarkupInfo": _MARKUP,
    "TaxAmount": MONEY,
    "TaxInclusiveAmt": MONEY,
}
_ITEM_DETAIL: Shape = {
    "ItemRef": _ref("Item"),
    "Qty": NUMBER,
    "UnitPrice": NUMBER,
    "CustomerRef": _ref("Customer"),
    "ClassRef": _ref("Class"),
    "TaxCodeRef": _ref("TaxCode"),
    "BillableStatus": _BILLABLE,
    "MarkupInfo": _MARKUP,
    "PriceLevelRef": _ref(),
    "ItemAccountRef": _ref("Account"),
    "TaxInclusiveAmt": MONEY,
}
_LINE: Shape = {
    "Id": _text(40),
    "LineNum": WHOLE,
    "Description": _text(4000),
    "Amount": MONEY,
    "LinkedTxn": _LINKED_TXN,
    "DetailType": _choice("AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail", "DescriptionOnly"),
    "AccountBasedExpenseLineDetail": _object(_ACCOUNT_DETAIL),
    "ItemBasedExpenseLineDetail": _object(_ITEM_DETAIL),
    "DescriptionLineDetail": OPAQUE,
    "ProjectRef": _ref(),
    "CustomField": OPAQUE,
    "CustomExtensions": OPAQUE,
}
_TRANSACTION: Shape = {
    **_ENVELOPE,
    "DocNumber": _text(21),
    "TxnDate": DATE,
    "PrivateNote": _text(4000),
    "CurrencyRef": _ref("Currency"),
    "ExchangeRate": NUMBER,
    "DepartmentRef": _ref("Department"),
    "TransactionLocationType": _text(100),
    "TxnTaxDetail": OPAQUE,
    "GlobalTaxCalculation": _choice("TaxExcluded", "TaxInclusive", "NotApplicable"),
    "TotalAmt": COMPUTED,
    "RecurDataRef": OPAQUE,
    "ProjectRef": _ref(),
    "TxnStatus": DESKTOP,
    "TxnSource": OPAQUE,
}
BILL: Shape = {
    **_TRANSACTION,
    "VendorRef": _ref("Vendor", required=True),
    "Line": _list(_LINE, required=True),
    "APAccountRef": _ref("Account"),
    "DueDate": DATE,
    "SalesTermRef": _ref("Term"),
    "VendorAddr": _ADDRESS,
    "RemitToAddr": _ADDRESS,
    "ShipAddr": _ADDRESS,
    "BillEmail": _EMAIL,
    "ReplyEmail": _EMAIL,
    "LinkedTxn": _LINKED_TXN,
    "Balance": COMPUTED,
    "HomeBalance": COMPUTED,
    "IncludeInAnnualTPAR": FLAG,
    "Memo": DESKTOP,
    "PayerRef": DESKTOP,
}
VENDOR_CREDIT: Shape = {
    **_TRANSACTION,
    "VendorRef": _ref("Vendor", required=True),
    "Line": _list(_LINE, required=True),
    "APAccountRef": _ref("Account"),
    "VendorAddr": _ADDRESS,
    "LinkedTxn": _LINKED_TXN,
    "Balance": COMPUTED,
    "IncludeInAnnualTPAR": FLAG,
    "Memo": DESKTOP,
}
_PAYMENT_LINE: Shape = {
    "Id": _text(40),
    "LineNum": WHOLE,
    "Description": _text(4000),
    "Amount": MONEY,
    "LinkedTxn": _LINKED_TXN,
}
BILL_PAYMENT: Shape = {
    **{name: kind for name, kind in _TRANSACTION.items() if name not in ("TotalAmt", "GlobalTaxCalculation")},
    "TotalAmt": Field("money", required=True),
    "VendorRef": _ref("Vendor", required=True),
    "VendorAddr": _ADDRESS,
    "APAccountRef": _ref("Account"),
    "PayType": Field("choice", required=True, choices=("Check", "CreditCard")),
    "CheckPayment": _object(
        {
            "BankAccountRef": _ref("Account"),
            "PrintStatus": _choice("NotSet", "NeedToPrint", "PrintComplete"),
            "CheckDetail": OPAQUE,
            "PayeeAddr": OPAQUE,
        }
    ),
    "CreditCardPayment": _object({"CCAccountRef": _ref("Account"), "CCDetail": OPAQUE}),
    "Line": _list(_PAYMENT_LINE, required=True),
    "LinkedTxn": _LINKED_TXN,
    "ProcessBillPayment": FLAG,
}
_NAME: Shape = {
    **_ENVELOPE,
    "DisplayName": _text(500),
    "Title": _text(16),
    **{name: _text(100) for name in ("GivenName", "MiddleName", "FamilyName", "CompanyName")},
    "Suffix": _text(16),
    "PrintOnCheckName": _text(110),
    "Active": FLAG,
    "FullyQualifiedName": COMPUTED,
    **{name: _PHONE for name in ("PrimaryPhone", "AlternatePhone", "Mobile", "Fax")},
    "PrimaryEmailAddr": _EMAIL,
    "WebAddr": _WEB,
    **{name: _ADDRESS for name in ("BillAddr", "ShipAddr", "OtherAddr")},
    "OtherContactInfo": OPAQUE,
    "Notes": _text(4000),
    "AcctNum": _text(100),
    "CurrencyRef": _ref("Currency"),
    "Balance": COMPUTED,
    "OpenBalanceDate": DATE,
    "BusinessNumber": _text(30),
    "GSTIN": _text(15),
    "GSTRegistrationType": _text(15),
    "Source": _text(100),
    "V4IDPseudonym": COMPUTED,
    "IntuitId": COMPUTED,
    "Organization": FLAG,
}
VENDOR: Shape = {
    **_NAME,
    "TaxIdentifier": _text(20),
    "TaxCountry": _text(20),
    "TaxIdEffectiveDate": DATE,
    "TermRef": _ref("Term"),
    "APAccountRef": _ref("Account"),
    "Vendor1099": FLAG,
    "T4AEligible": FLAG,
    "T5018Eligible": FLAG,
    "BillRate": NUMBER,
    "CostRate": NUMBER,
    "CreditLimit": NUMBER,
    "HasTPAR": FLAG,
    "TaxReportingBasis": _text(20),
    "VendorPaymentBankDetail": OPAQUE,
    "VendorTypeRef": _ref(),
    "PrefillAccountRef": _ref("Account"),
    "ContactName": _text(100),
    "AltContactName": _text(100),
    "IsSubContractor": FLAG,
}
CUSTOMER: Shape = {
    **_NAME,
    "Job": FLAG,
    "BillWithParent": FLAG,
    "ParentRef": _ref("Customer"),
    "RootCustomerRef": COMPUTED,
    "Level": COMPUTED,
    "IsProject": FLAG,
    "ClientEntityId": COMPUTED,
    "ClientCompanyId": COMPUTED,
    "Taxable": FLAG,
    "DefaultTaxCodeRef": _ref(),
    "CustomerTypeRef": _ref(),
    "SalesTermRef": _ref("Term"),
    "PaymentMethodRef": _ref(),
    "PreferredDeliveryMethod": _text(30),
    "ResaleNum": _text(16),
    "BalanceWithJobs": COMPUTED,
    "ARAccountRef": _ref("Account"),
    "PrimaryTaxIdentifier": _text(15),
    "SecondaryTaxIdentifier": _text(15),
    "TaxExemptionReasonId": _text(10),
}
_NOT_OF_EMPLOYEES = {
    *("AcctNum", "Balance", "BillAddr", "BusinessNumber", "CurrencyRef", "GSTIN", "GSTRegistrationType"),
    *("OpenBalanceDate", "ShipAddr", "Source"),
}
EMPLOYEE: Shape = {
    **{name: kind for name, kind in _NAME.items() if name not in _NOT_OF_EMPLOYEES},
    "EmployeeNumber": _text(100),
    "PrimaryAddr": _ADDRESS,
    "HiredDate": DATE,
    "ReleasedDate": DATE,
    "BillableTime": FLAG,
}
ACCOUNT: Shape = {
    **_ENVELOPE,
    "Name": _text(100, required=True),
    "SubAccount": FLAG,
    "ParentRef": _ref("Account"),
    "Description": _text(100),
    "FullyQualifiedName": COMPUTED,
    "AccountAlias": _text(100),
    "TxnLocationType": _text(100),
    "Active": FLAG,
    "Classification": COMPUTED,
    "AccountType": _text(100),
    "AccountSubType": _text(100),
    "AcctNum": _text(20),
    "CurrentBalance": COMPUTED,
    "CurrentBalanceWithSubAccounts": COMPUTED,
    "OpeningBalance": MONEY,
    "OpeningBalanceDate": DATE,
    "CurrencyRef": _ref("Currency"),
    "TaxCodeRef": _ref("TaxCode"),
}
ITEM: Shape = {
    **_ENVELOPE,
    "Name": _text(100, required=True),
    "Sku": _text(100),
    "Description": _text(4000),
    "Active": FLAG,
    "SubItem": FLAG,
    "ParentRef": _ref("Item"),
    "Level": COMPUTED,
    "FullyQualifiedName": COMPUTED,
    "Taxable": FLAG,
    "UnitPrice": NUMBER,
    "Type": _choice("Service", "NonInventory", "Inventory", "Category", "Group"),
    "IncomeAccountRef": _ref("Account"),
    "ExpenseAccountRef": _ref("Account"),
    "AssetAccountRef": _ref("Account"),
    "PurchaseDesc": _text(1000),
    "PurchaseCost": NUMBER,
    "PrefVendorRef": _ref("Vendor"),
    "TrackQtyOnHand": FLAG,
    "QtyOnHand": NUMBER,
    "InvStartDate": DATE,
    "SalesTaxIncluded": FLAG,
    "PurchaseTaxIncluded": FLAG,
    "SalesTaxCodeRef": _ref(),
    "PurchaseTaxCodeRef": _ref(),
    "TaxClassificationRef": _ref(),
    "ClassRef": _ref("Class"),
    "ItemCategoryType": _text(40),
    "Source": _text(40),
}
_TREE: Shape = {
    **_ENVELOPE,
    "Name": _text(100, required=True),
    "Active": FLAG,
    "FullyQualifiedName": COMPUTED,
}
CLASS: Shape = {**_TREE, "SubClass": FLAG, "ParentRef": _ref("Class")}
DEPARTMENT: Shape = {**_TREE, "SubDepartment": FLAG, "ParentRef": _ref("Department"), "Address": _ADDRESS}
TERM: Shape = {
    **_ENVELOPE,
    "Name": _text(31, required=True),
    "Active": FLAG,
    "Type": _text(20),
    "DiscountPercent": NUMBER,
    **{n: WHOLE for n in ("DueDays", "DiscountDays", "DayOfMonthDue", "DueNextMonthDays", "DiscountDayOfMonth")},
}
ATTACHABLE: Shape = {
    **_ENVELOPE,
    "AttachableRef": _list(
        {
            "EntityRef": _ref(),
            "IncludeOnSend": FLAG,
            "LineInfo": _text(40),
            "Inactive": FLAG,
            "NoRefOnly": FLAG,
            "CustomField": OPAQUE,
        }
    ),
    "FileName": _text(1000),
    "FileAccessUri": COMPUTED,
    "TempDownloadUri": COMPUTED,
    "ThumbnailFileAccessUri": COMPUTED,
    "ThumbnailTempDownloadUri": COMPUTED,
    "Size": COMPUTED,
    "ContentType": _text(100),
    "Category": _text(100),
    "Lat": _text(100),
    "Long": _text(100),
    "PlaceName": _text(2000),
    "Note": _text(2000),
    "Tag": _text(2000),
}

SHAPES: Mapping[str, Shape] = {
    "Account": ACCOUNT,
    "Attachable": ATTACHABLE,
    "Bill": BILL,
    "BillPayment": BILL_PAYMENT,
    "Class": CLASS,
    "Customer": CUSTOMER,
    "Department": DEPARTMENT,
    "Employee": EMPLOYEE,
    "Item": ITEM,
    "Term": TERM,
    "Vendor": VENDOR,
    "VendorCredit": VENDOR_CREDIT,
}

# Intuit: the Detail of a 2500 fault names the internal list, not the API's entity (fyle's error table).
REFERENCE_FAMILIES = {
    "Account": "Accounts",
    "Class": "Klasses",
    "Customer": "Names",
    "Department": "Depts",
    "Item": "Items",
    "Term": "Terms",
    "Vendor": "Names",
    "TaxCode": "TaxCodes",
    "Currency": "Currencies",
}

LISTS = ("Account", "Class", "Customer", "Department", "Employee", "Item", "Term", "Vendor")
TRANSACTIONS = ("Bill", "BillPayment", "VendorCredit")
