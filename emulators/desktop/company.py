"""What QuickBooks says of itself and of the open file: HostRet, CompanyRet, PreferencesRet (qbd.md 1.2)."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from emulators.desktop.names import by_name
from emulators.desktop.store import CompanyFile, Store

SUPPORTED = ("1.0", "1.1", "2.0", "2.1", *(f"{n}.0" for n in (3, 4)), "4.1", *(f"{n}.0" for n in range(5, 17)))


def host(file: CompanyFile) -> Element:
    element = Element("HostRet")
    for name, value in (
        ("ProductName", file.product),
        ("MajorVersion", file.major_version),
        ("MinorVersion", "0"),
        ("Country", "US"),
        *(("SupportedQBXMLVersion", version) for version in SUPPORTED),
        ("IsAutomaticLogin", "false"),
        ("QBFileMode", "SingleUser" if file.single_user else "MultiUser"),
    ):
        SubElement(element, name).text = value
    return element


def company(file: CompanyFile, owners: list[str]) -> Element:
    """With the data extensions of the owners that were asked for."""
    element = Element("CompanyRet")
    for name, value in (
        ("IsSampleCompany", "false"),
        ("CompanyName", file.company),
        ("LegalCompanyName", file.company),
        ("FirstMonthFiscalYear", "January"),
    ):
        SubElement(element, name).text = value
    wanted = {owner.upper() for owner in owners}
    for owner, stamp in file.stamps.items():
        if owner.upper() in wanted:
            extension = SubElement(element, "DataExtRet")
            for name, value in (
                ("OwnerID", owner),
                ("DataExtName", "FileID"),
                ("DataExtType", "STR255TYPE"),
                ("DataExtValue", stamp),
            ):
                SubElement(extension, name).text = value
    return element


def preferences(store: Store, file: CompanyFile) -> Element:
    element = Element("PreferencesRet")
    accounting = {
        "IsUsingAccountNumbers": "true",
        "IsRequiringAccounts": "true",
        "IsUsingClassTracking": _yes(file.class_tracking),
        "IsUsingAuditTrail": "true",
        "IsAssigningJournalEntryNumbers": "true",
        "ClosingDate": file.closing_date,
    }
    _section(element, "AccountingPreferences", accounting)
    jobs = {"IsUsingEstimates": "true", "IsUsingProgressInvoicing": "true", "IsPrintingItemsWithZeroAmounts": "false"}
    _section(element, "JobsAndEstimatesPreferences", jobs)
    currencies = _section(element, "MultiCurrencyPreferences", {"IsMultiCurrencyOn": _yes(file.multicurrency)})
    home = by_name(store, file.name, ("Currency",), "US Dollar")
    if file.multicurrency and home is not None:
        reference = SubElement(currencies, "HomeCurrencyRef")
        SubElement(reference, "ListID").text = home.id
        SubElement(reference, "FullName").text = home.name
    bills = {"IsUsingInventory": "false", "DaysBillsAreDue": "10", "IsAutomaticallyUsingDiscounts": "false"}
    _section(element, "PurchasesAndVendorsPreferences", bills)
    rights = {"IsAutomaticLoginAllowed": "true", "IsPersonalDataAccessAllowed": "false"}
    _section(element, "CurrentAppAccessRights", rights)
    return element


def _section(parent: Element, name: str, values: dict[str, str]) -> Element:
    section = SubElement(parent, name)
    for each, value in values.items():
        if value:
            SubElement(section, each).text = value
    return section


def _yes(value: bool) -> str:
    return "true" if value else "false"
