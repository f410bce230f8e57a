"""The requests QuickBooks understands here, each with the order of its elements and their lengths (qbd.md 2.2, 2.3)."""

from __future__ import annotations

from emulators.desktop.shapes import Either, Part, Shape, choice, either, group, of, reference, text

MEMO, REF_NUMBER, NAME, FULL_NAME = 4095, 20, 41, 209
BILLABLE = ("Billable", "NotBillable", "HasBeenBilled")
ACTIVE = choice("ActiveStatus", "ActiveOnly", "InactiveOnly", "All")
MATCH = choice("MatchCriterion", "StartsWith", "Contains", "EndsWith").needed()
ACCOUNT_TYPES = (
    "AccountsPayable",
    "AccountsReceivable",
    "Bank",
    "CostOfGoodsSold",
    "CreditCard",
    "Equity",
    "Expense",
    "FixedAsset",
    "Income",
    "LongTermLiability",
    "NonPosting",
    "OtherAsset",
    "OtherCurrentAsset",
    "OtherCurrentLiability",
    "OtherExpense",
    "OtherIncome",
)
TXN_DEL_TYPES = (
    "ARRefundCreditCard",
    "Bill",
    "BillPaymentCheck",
    "BillPaymentCreditCard",
    "BuildAssembly",
    "Charge",
    "Check",
    "CreditCardCharge",
    "CreditCardCredit",
    "CreditMemo",
    "Deposit",
    "Estimate",
    "InventoryAdjustment",
    "Invoice",
    "ItemReceipt",
    "JournalEntry",
    "PurchaseOrder",
    "ReceivePayment",
    "SalesOrder",
    "SalesReceipt",
    "SalesTaxPaymentCheck",
    "TimeTracking",
    "TransferInventory",
    "VehicleMileage",
    "VendorCredit",
)
LIST_DEL_TYPES = (
    "Account",
    "Class",
    "Currency",
    "Customer",
    "DateDrivenTerms",
    "Employee",
    "ItemDiscount",
    "ItemFixedAsset",
    "ItemGroup",
    "ItemInventory",
    "ItemInventoryAssembly",
    "ItemNonInventory",
    "ItemOtherCharge",
    "ItemPayment",
    "ItemSalesTax",
    "ItemSalesTaxGroup",
    "ItemService",
    "ItemSubtotal",
    "OtherName",
    "PaymentMethod",
    "SalesRep",
    "SalesTaxCode",
    "StandardTerms",
    "Vendor",
    "VendorType",
)

_RETURN = text("IncludeRetElement", 50).many()
_OWNERS = of("guid", "OwnerID")[0].many()
_CURRENCY = group("CurrencyFilter", either([_id.many() for _id in of("id", "ListID")], [text("FullName", 64).many()]))


def _flags(*names: str) -> tuple[Part, ...]:
    return of("flag", *names)


def _address(name: str) -> Part:
    lines = (text(f"Addr{number}", 41) for number in range(1, 6))
    rest = (text("City", 31), text("State", 21), text("PostalCode", 13), text("Country", 31), text("Note", 41))
    return group(name, *lines, *rest)


def _which(name: str) -> Part:
    """A filter by entity or account."""
    ids, names = of("id", "ListID")[0].many(), text("FullName", FULL_NAME).many()
    return group(name, either([ids], [names], of("id", "ListIDWithChildren"), [text("FullNameWithChildren", 209)]))


# --- lists ---------------------------------------------------------------------------------------------------------


def _list_query(*more: Part | Either, owners: bool = True) -> Shape:
    names = either(
        [group("NameFilter", MATCH, text("Name", FULL_NAME).needed())],
        [group("NameRangeFilter", text("FromName", FULL_NAME), text("ToName", FULL_NAME))],
    )
    wanted = [*of("whole", "MaxReturned"), ACTIVE, *of("datetime", "FromModifiedDate", "ToModifiedDate"), names, *more]
    lookups = either([of("id", "ListID")[0].many()], [text("FullName", FULL_NAME).many()], wanted)
    return (lookups, _RETURN, *((_OWNERS,) if owners else ()))


_BALANCE = group(
    "TotalBalanceFilter",
    choice("Operator", "LessThan", "LessThanEqual", "Equal", "GreaterThan", "GreaterThanEqual").needed(),
    *of("amount", "Amount"),
)
_NAMES_QUERY = _list_query(_BALANCE, _CURRENCY, _which("ClassFilter"))

VENDOR_ADD = group(
    "VendorAdd",
    text("Name", NAME).needed(),
    *_flags("IsActive"),
    reference("ClassRef", 159),
    text("CompanyName", NAME),
    text("Salutation", 15),
    text("FirstName", 25),
    text("MiddleName", 5),
    text("LastName", 25),
    text("Suffix", 10),
    text("JobTitle", NAME),
    _address("VendorAddress"),
    _address("ShipAddress"),
    *(text(name, 21) for name in ("Phone", "Mobile", "Pager", "AltPhone", "Fax")),
    text("Email", 1023),
    text("Cc", 1023),
    text("Contact", NAME),
    text("AltContact", NAME),
    text("NameOnCheck", NAME),
    text("AccountNumber", 99),
    text("Notes", MEMO),
    reference("VendorTypeRef", 159),
    reference("TermsRef", 31),
    *of("amount", "CreditLimit"),
    text("VendorTaxIdent", 15),
    *_flags("IsVendorEligibleFor1099"),
    *of("amount", "OpenBalance"),
    *of("date", "OpenBalanceDate"),
    reference("BillingRateRef", 31),
    *of("guid", "ExternalGUID"),
    reference("PrefillAccountRef", 159).many(3),
    reference("CurrencyRef", 64),
).needed()

# --- bills and vendor credits --------------------------------------------------------------------------------------

_TARGET = (reference("CustomerRef"), reference("ClassRef", 159))
_EXPENSE: tuple[Part, ...] = (
    reference("AccountRef", 159),
    *of("amount", "Amount"),
    text("Memo", MEMO),
    *_TARGET,
    choice("BillableStatus", *BILLABLE),
    reference("SalesRepRef", 5),
)
_ITEM_START: Shape = (
    reference("ItemRef", 159),
    reference("InventorySiteRef", 31),
    reference("InventorySiteLocationRef", 31),
    either([text("SerialNumber", MEMO)], [text("LotNumber", 40)]),
    text("Desc", MEMO),
    *of("quantity", "Quantity"),
    text("UnitOfMeasure", 31),
)
_ITEM_END: tuple[Part, ...] = (
    *of("price", "Cost"),
    *of("amount", "Amount"),
    *_TARGET,
    choice("BillableStatus", *BILLABLE),
    reference("OverrideItemAccountRef", 159),
)
_DATA_EXT = group("DataExt", *of("guid", "OwnerID"), text("DataExtName", 31), text("DataExtValue", 255)).many()
_LINK = group("LinkToTxn", *(part.needed() for part in of("id", "TxnID", "TxnLineID")))
_ADDED_LINES: Shape = (
    group("ExpenseLineAdd", *_EXPENSE, _DATA_EXT).many(),
    group("ItemLineAdd", *_ITEM_START, *_ITEM_END, _LINK, reference("SalesRepRef", 5), _DATA_EXT).many(),
)
_LINE_ID = of("id", "TxnLineID")[0].needed()
_CHANGED_LINES: Shape = (
    *_flags("ClearExpenseLines"),
    group("ExpenseLineMod", _LINE_ID, *_EXPENSE).many(),
    *_flags("ClearItemLines"),
    group(
        "ItemLineMod",
        _LINE_ID,
        *_ITEM_START,
        reference("OverrideUOMSetRef", 31),
        *_ITEM_END,
        reference("SalesRepRef", 5),
    ).many(),
)


def _bill_header(*, due: bool, adding: bool) -> tuple[Part, ...]:
    vendor, payable = reference("VendorRef", NAME), reference("APAccountRef", 159)
    return (
        vendor.needed() if adding else vendor,
        *((_address("VendorAddress"),) if due else ()),
        payable,
        *of("date", "TxnDate"),
        *(of("date", "DueDate") if due else ()),
        text("RefNumber", REF_NUMBER),
        *((reference("TermsRef", 31),) if due else ()),
        text("Memo", MEMO),
        *of("number", "ExchangeRate"),
    )


def _add(name: str, *, due: bool) -> Shape:
    links = (of("id", "LinkToTxnID")[0].many(),) if due else ()
    header = _bill_header(due=due, adding=True)
    return (group(name, *header, *of("guid", "ExternalGUID"), *links, *_ADDED_LINES).needed(), _RETURN)


def _mod(name: str, *, due: bool) -> Shape:
    ids = (of("id", "TxnID")[0].needed(), text("EditSequence", 16).needed())
    return (group(name, *ids, *_bill_header(due=due, adding=False), *_CHANGED_LINES).needed(), _RETURN)


def _txn_query(*, paid: bool, linked: bool) -> Shape:
    modified = group("ModifiedDateRangeFilter", *of("datetime", "FromModifiedDate", "ToModifiedDate"))
    dated = group("TxnDateRangeFilter", either(of("date", "FromTxnDate", "ToTxnDate"), [text("DateMacro", 40)]))
    numbers = either(
        [group("RefNumberFilter", MATCH, text("RefNumber", REF_NUMBER).needed())],
        [group("RefNumberRangeFilter", text("FromRefNumber", REF_NUMBER), text("ToRefNumber", REF_NUMBER))],
    )
    wanted: list[Part | Either] = [
        *of("whole", "MaxReturned"),
        either([modified], [dated]),
        _which("EntityFilter"),
        _which("AccountFilter"),
        numbers,
        _CURRENCY,
    ]
    if paid:
        wanted.append(choice("PaidStatus", "All", "PaidOnly", "NotPaidOnly"))
    ids = [of("id", "TxnID")[0].many()]
    exact = [text("RefNumber", REF_NUMBER).many()]
    exact_case = [text("RefNumberCaseSensitive", REF_NUMBER).many()]
    lines = _flags("IncludeLineItems", "IncludeLinkedTxns") if linked else _flags("IncludeLineItems")
    return (either(ids, exact, exact_case, wanted), *lines, _RETURN, _OWNERS)


_DELETED = group("DeletedDateRangeFilter", *of("datetime", "FromDeletedDate", "ToDeletedDate"))

REQUESTS: dict[str, Shape] = {
    "HostQueryRq": (group("IncludeListMetaData", *_flags("IncludeMaxCapacity")), _RETURN),
    "CompanyQueryRq": (_RETURN, _OWNERS),
    "PreferencesQueryRq": (_RETURN,),
    "AccountQueryRq": _list_query(choice("AccountType", *ACCOUNT_TYPES).many(), _CURRENCY),
    "VendorQueryRq": _NAMES_QUERY,
    "CustomerQueryRq": _NAMES_QUERY,
    "ItemQueryRq": _list_query(),
    "ClassQueryRq": _list_query(owners=False),
    "TermsQueryRq": _list_query(owners=False),
    "VendorAddRq": (VENDOR_ADD, _RETURN),
    "BillAddRq": _add("BillAdd", due=True),
    "BillModRq": _mod("BillMod", due=True),
    "BillQueryRq": _txn_query(paid=True, linked=True),
    "VendorCreditAddRq": _add("VendorCreditAdd", due=False),
    "VendorCreditModRq": _mod("VendorCreditMod", due=False),
    "VendorCreditQueryRq": _txn_query(paid=False, linked=True),
    "BillPaymentCheckQueryRq": _txn_query(paid=False, linked=False),
    "BillPaymentCreditCardQueryRq": _txn_query(paid=False, linked=False),
    "BillToPayQueryRq": (
        reference("PayeeEntityRef").needed(),
        reference("APAccountRef", 159),
        *of("date", "DueDate"),
        _CURRENCY,
        _RETURN,
    ),
    "TxnDelRq": (choice("TxnDelType", *TXN_DEL_TYPES).needed(), of("id", "TxnID")[0].needed()),
    "TxnDeletedQueryRq": (choice("TxnDelType", *TXN_DEL_TYPES).needed().many(), _DELETED, _RETURN),
    "ListDeletedQueryRq": (choice("ListDelType", *LIST_DEL_TYPES).needed().many(), _DELETED, _RETURN),
}
# qbd.md 2.3: accounts, classes and terms have no iterator.
WITH_ITERATOR = {
    "VendorQueryRq",
    "CustomerQueryRq",
    "ItemQueryRq",
    "BillQueryRq",
    "VendorCreditQueryRq",
    "BillPaymentCheckQueryRq",
    "BillPaymentCreditCardQueryRq",
}
WRITES = {"VendorAddRq", "BillAddRq", "BillModRq", "VendorCreditAddRq", "VendorCreditModRq", "TxnDelRq"}
