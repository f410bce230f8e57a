"""What an application may write: vendors, bills, vendor credits, and deleting them (qbd.md 2.3, 2.5, 2.6)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from emulators.desktop.names import check_free, check_name, resolve
from emulators.desktop.refusals import LOCKED, PERMISSION, Refused, bad_reference, not_found, not_saved, stale
from emulators.desktop.rendering import total_of
from emulators.desktop.store import PAYMENTS, ZERO, Body, Origin, Record, Store

NOUNS = {"Bill": "Bill", "VendorCredit": "Vendor Credit"}
_DAYS_BILLS_ARE_DUE = 10
_CENT = Decimal("0.01")
_HEADER = ("TxnDate", "DueDate", "RefNumber", "Memo", "ExchangeRate", "VendorAddress")


class Writer:
    """One application in one company file."""

    def __init__(self, store: Store, file: str, origin: Origin) -> None:
        self._store, self._file, self._origin = store, file, origin

    # Vendors

    def add_vendor(self, sent: Body) -> Record:
        self.check_permission()
        self.check_locks(("Vendor", ""))
        name = str(sent["Name"])
        check_name(name)
        check_free(self._store, self._file, "Vendor", name)
        if sent.get("IsVendorEligibleFor1099") in ("true", "1") and "VendorAddress" not in sent:
            raise not_saved("Vendor", "You need to enter an address for a vendor that is eligible for 1099.")
        body: Body = {}
        for field, value in sent.items():
            if field in ("VendorTypeRef", "BillingRateRef"):
                raise bad_reference(field.removesuffix("Ref"), str(value.get("FullName", "")), "Vendor")
            if field == "PrefillAccountRef":
                body[field] = [resolve(self._store, self._file, field, each, "Vendor").id for each in value]
            elif field.endswith("Ref"):
                body[field] = resolve(self._store, self._file, field, value, "Vendor").id
            else:
                body[field] = value in ("true", "1") if field.startswith("Is") else value
        body.setdefault("IsActive", True)
        return self._store.insert(self._file, "Vendor", body, self._origin)

    # Bills and vendor credits

    def add(self, kind: str, sent: Body) -> Record:
        self.check_permission()
        vendor = resolve(self._store, self._file, "VendorRef", sent["VendorRef"], NOUNS[kind])
        self.check_locks((kind, ""), ("Vendor", vendor.id))
        body: Body = {"VendorRef": vendor.id, **{name: sent[name] for name in _HEADER if name in sent}}
        body.setdefault("TxnDate", self._store.today())
        body["APAccountRef"] = self._payable(kind, sent.get("APAccountRef"), vendor)
        if kind == "Bill":
            self._terms(body, sent, vendor)
        self._guid(kind, body, sent)
        body["ExpenseLines"] = [self._expense_line(kind, line) for line in sent.get("ExpenseLineAdd", ())]
        body["ItemLines"] = [self._item_line(kind, line) for line in sent.get("ItemLineAdd", ())]
        self._check(kind, body, body["TxnDate"])
        for line in (*body["ExpenseLines"], *body["ItemLines"]):
            line["TxnLineID"] = self._store.next_txn_id(self._file)
        body["TxnNumber"] = self._store.next_txn_number(self._file)
        return self._store.insert(self._file, kind, body, self._origin)

    def modify(self, kind: str, sent: Body) -> Record:
        self.check_permission()
        record = self._own(kind, sent["TxnID"])
        self.check_locks((kind, record.id))
        if sent["EditSequence"] != record.edit_sequence:
            raise stale(str(sent["EditSequence"]))
        body = dict(record.body)
        before = str(body["TxnDate"])
        body |= {name: sent[name] for name in _HEADER if name in sent}
        if "VendorRef" in sent:
            body["VendorRef"] = resolve(self._store, self._file, "VendorRef", sent["VendorRef"], NOUNS[kind]).id
        if "APAccountRef" in sent:
            vendor = self._store.find(self._file, body["VendorRef"])
            body["APAccountRef"] = self._payable(kind, sent["APAccountRef"], vendor)
        if "TermsRef" in sent:
            body["TermsRef"] = resolve(self._store, self._file, "TermsRef", sent["TermsRef"], NOUNS[kind]).id
        for name, kept in (("Expense", "ExpenseLines"), ("Item", "ItemLines")):
            body[kept] = self._changed_lines(kind, body[kept], sent, name)
        self._check(kind, body, before, str(body["TxnDate"]))
        return self._store.replace(self._file, record, body, self._origin)

    def delete(self, kind: str, identifier: str) -> Record:
        self.check_permission()
        if kind not in NOUNS and kind not in PAYMENTS:
            raise not_found(identifier)
        record = self._own(kind, identifier)
        self.check_locks((kind, record.id))
        self._check_open(str(record.body["TxnDate"]))
        if kind == "Bill" and self._store.links(self._file).of(record.id):
            if self._store.switches["delete_paid_bill"] == "refuse":
                raise Refused(3160, f'Cannot delete the object specified by the id = "{identifier}".  QuickBooks '
                              "error message: The transaction is linked to a payment.")  # fmt: skip
            unapply(self._store, self._file, record, self._origin)
        self._store.delete(self._file, record, self._origin)
        return record

    # Guards

    def check_permission(self) -> None:
        code = self._store.switches["permission"]
        if code != "all":
            raise Refused(int(code), PERMISSION[int(code)])

    def check_locks(self, *touched: tuple[str, str]) -> None:
        """The first lock that lies on what is touched refuses the write and wears off by one."""
        file = self._store.file(self._file)
        for lock in file.locks:
            if any(lock.kind in ("", kind) and lock.id in ("", identifier) for kind, identifier in touched):
                lock.times -= 1
                file.locks = [each for each in file.locks if each.times > 0]
                self._store.keep_file(file)
                raise Refused(lock.code, LOCKED[lock.code])

    def _own(self, kind: str, identifier: str) -> Record:
        record = self._store.find(self._file, identifier)
        if record is None or not record.alive or record.kind != kind:
            raise not_found(identifier)
        return record

    def _check(self, kind: str, body: Body, *dates: str) -> None:
        self._check_open(*dates)
        total = total_of(Record(kind, "", 0, 0, 0, body))
        if total < 0 and self._store.switches["negative_bill"] == "refuse":
            raise not_saved(NOUNS[kind], "The transaction amount must be positive.")
        if total == 0 and self._store.switches["zero_bill"] == "refuse":
            raise not_saved(NOUNS[kind], "The transaction is empty.")

    def _check_open(self, *dates: str) -> None:
        closed = self._store.file(self._file).closing_date
        if closed and any(day <= closed for day in dates):
            code = int(self._store.switches["closing_date_code"])
            raise Refused(code, "There was an error when modifying the transaction.  QuickBooks error message: The "
                          "date of the transaction is on or before the closing date of the company.")  # fmt: skip

    def _guid(self, kind: str, body: Body, sent: Body) -> None:
        if not sent.get("ExternalGUID"):
            return
        body["ExternalGUID"] = sent["ExternalGUID"]
        if self._store.switches["external_guid_is_unique"]:
            for other in self._store.live(self._file, kind):
                if other.body.get("ExternalGUID") == sent["ExternalGUID"]:
                    raise Refused(3100, f'The ExternalGUID "{sent["ExternalGUID"]}" is already in use.')

    # Parts

    def _payable(self, kind: str, sent: Body | None, vendor: Record | None) -> str:
        """The A/P account; left out, it is the first of the file (qbd.md 2.3)."""
        if sent is None:
            accounts = self._store.live(self._file, "Account")
            found = [each for each in accounts if each.body["AccountType"] == "AccountsPayable" and each.active]
            if not found:
                raise not_saved(NOUNS[kind], "There is no Accounts Payable account.")
            return found[0].id
        account = resolve(self._store, self._file, "APAccountRef", sent, NOUNS[kind])
        if account.body["AccountType"] != "AccountsPayable":
            raise bad_reference("A/P Account", account.name, NOUNS[kind])
        currencies = {account.body.get("CurrencyRef"), vendor.body.get("CurrencyRef") if vendor else None} - {None}
        if self._store.file(self._file).multicurrency and len(currencies) > 1:
            raise not_saved(NOUNS[kind], "The vendor and the Accounts Payable account have different currencies.")
        return account.id

    def _terms(self, body: Body, sent: Body, vendor: Record) -> None:
        """Terms left out are the vendor's; a due date left out follows from them."""
        terms = None
        if "TermsRef" in sent:
            terms = resolve(self._store, self._file, "TermsRef", sent["TermsRef"], "Bill")
        elif vendor.body.get("TermsRef"):
            terms = self._store.find(self._file, vendor.body["TermsRef"])
        if terms is not None:
            body["TermsRef"] = terms.id
        days = int(terms.body.get("StdDueDays") or 0) if terms is not None else _DAYS_BILLS_ARE_DUE
        body.setdefault("DueDate", (date.fromisoformat(body["TxnDate"]) + timedelta(days=days)).isoformat())

    def _references(self, kind: str, sent: Body, account: Record | None = None) -> Body:
        found: Body = {}
        for field in ("CustomerRef", "ClassRef"):
            if field not in sent:
                continue
            if field == "ClassRef" and not self._store.file(self._file).class_tracking:
                raise Refused(3250, "This feature is not enabled or not available in this version of QuickBooks.")
            # On a line of an A/P account QuickBooks reads the name as a vendor's.
            payable = (
                field == "CustomerRef" and account is not None and account.body["AccountType"] == "AccountsPayable"
            )
            as_field = "VendorRef" if payable else field
            found[field] = resolve(self._store, self._file, as_field, sent[field], NOUNS[kind]).id
        if "BillableStatus" in sent:
            found["BillableStatus"] = sent["BillableStatus"]
        elif "CustomerRef" in found:
            found["BillableStatus"] = self._store.switches["default_billable"]
        return found

    def _expense_line(self, kind: str, sent: Body) -> Body:
        if "AccountRef" not in sent:
            raise not_saved(NOUNS[kind], "You must enter an account for each line.")
        account = resolve(self._store, self._file, "AccountRef", sent["AccountRef"], NOUNS[kind])
        line: Body = {"AccountRef": account.id, "Amount": _amount(sent.get("Amount", "0.00"))}
        if sent.get("Memo"):
            line["Memo"] = sent["Memo"]
        return line | self._references(kind, sent, account)

    def _item_line(self, kind: str, sent: Body) -> Body:
        item = resolve(self._store, self._file, "ItemRef", sent.get("ItemRef", {}), NOUNS[kind])
        line: Body = {"ItemRef": item.id, **{name: sent[name] for name in ("Desc", "Quantity", "Cost") if name in sent}}
        if "Amount" in sent:
            amount = Decimal(sent["Amount"])
        else:
            amount = Decimal(sent.get("Quantity", "1")) * Decimal(sent.get("Cost", "0"))
        line["Amount"] = f"{amount.quantize(_CENT, ROUND_HALF_UP):.2f}"
        if "OverrideItemAccountRef" in sent:
            override = sent["OverrideItemAccountRef"]
            line["OverrideItemAccountRef"] = resolve(
                self._store, self._file, "OverrideItemAccountRef", override, NOUNS[kind]
            ).id
        return line | self._references(kind, sent)

    def _changed_lines(self, kind: str, there: list[Body], sent: Body, name: str) -> list[Body]:
        """qbd.md 2.3: any line sent replaces the whole list; with none sent the list stays as it is."""
        wanted = sent.get(f"{name}LineMod")
        if wanted is None:
            return [] if sent.get(f"Clear{name}Lines") in ("true", "1") else there
        known = {line["TxnLineID"]: (position, line) for position, line in enumerate(there)}
        lines, last = [], -1
        for change in wanted:
            identifier = change["TxnLineID"]
            if identifier == "-1":
                made = self._expense_line(kind, change) if name == "Expense" else self._item_line(kind, change)
                lines.append(made | {"TxnLineID": self._store.next_txn_id(self._file)})
                continue
            if identifier not in known:
                raise not_found(identifier)
            position, line = known[identifier]
            if position < last:
                raise Refused(3290, "The lines of the request are not in the order of the transaction.")
            last = position
            lines.append(self._merged(kind, line, change, name))
        return lines

    def _merged(self, kind: str, line: Body, change: Body, name: str) -> Body:
        merged = {**line, **self._references(kind, change)} if len(change) > 1 else dict(line)
        for field in ("Memo", "Desc", "Quantity", "Cost"):
            if field in change:
                merged[field] = change[field]
        if "Amount" in change:
            merged["Amount"] = _amount(change["Amount"])
        field = "AccountRef" if name == "Expense" else "ItemRef"
        if field in change:
            merged[field] = resolve(self._store, self._file, field, change[field], NOUNS[kind]).id
        return merged


def _amount(text: str) -> str:
    return f"{Decimal(text):.2f}"


def unapply(store: Store, file: str, bill: Record, origin: Origin) -> None:
    """Take a bill out of every payment and credit that was applied to it."""
    for other, _ in list(store.links(file).of(bill.id)):
        left = [part for part in other.body["Applied"] if part["TxnID"] != bill.id]
        body = {**other.body, "Applied": left}
        if other.kind in PAYMENTS:
            body["Amount"] = f"{sum((Decimal(part['Amount']) for part in left), ZERO):.2f}"
        store.replace(file, other, body, origin)
