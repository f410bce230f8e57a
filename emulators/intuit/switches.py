"""Behaviours that the reference leaves open, or that a test wants to turn: one list, with defaults.

The reference of each names the section of qbo.md that speaks of the matter; [U] marks what it calls unknown, disputed
or inferred. A company (realm) may differ from the general value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from emulators.shared.ledger import Ledger
from emulators.shared.switches import Switch, Switches

Value = bool | int | str
_SETTING = "switches_by_realm"


def _open(name: str, default: Value, section: str, meaning: str, choices: tuple[str, ...] = ()) -> Switch:
    return Switch(name, default, meaning, f"qbo.md {section} [U]", choices)


def _known(name: str, default: Value, section: str, meaning: str, choices: tuple[str, ...] = ()) -> Switch:
    return Switch(name, default, meaning, f"qbo.md {section}", choices)


OAUTH = (
    _known("access_token_seconds", 3600, "1.4", "How long an access token lives."),
    _open(
        "refresh_rotation",
        "every_refresh",
        "1.4",
        "When the refresh token changes.",
        ("every_refresh", "every_24h"),
    ),
    _open(
        "old_refresh_token",
        "refused",
        "1.4",
        "What a refresh token is worth after its successor was issued; valid_24h lasts old_refresh_token_seconds.",
        ("refused", "valid_24h", "refused_and_ends_all"),
    ),
    _open("old_refresh_token_seconds", 86400, "1.4", "How long valid_24h really lasts."),
    _known("refresh_idle_seconds", 100 * 86400, "1.4", "A refresh token that is not used for so long ends."),
    _known("refresh_hard_seconds", 5 * 365 * 86400, "1.4", "A consent ends after so long, whatever is done."),
    _known("refresh_tokens", "work", "1.5", "Whether every refresh gets invalid_grant.", ("work", "refused")),
    _open("code_lifetime_seconds", 600, "1.3", "How long an authorization code may be exchanged."),
)

IDEMPOTENCY = (
    _open("requestid", "honoured", "3.1", "Whether a repeated requestid is recognised.", ("honoured", "ignored")),
    _open("requestid_replays_failures", False, "3.1", "Whether a repeat of a failed try gets the stored failure."),
    _open(
        "requestid_changed_body",
        "replay",
        "3.1",
        "What a repeat with another body gets.",
        ("replay", "fault_600"),
    ),
    _open("requestid_lifetime_seconds", 0, "3.1", "How long an id is kept; 0 means for ever."),
    _open("requestid_on_upload", "ignored", "2.8", "Whether uploads know requestid.", ("ignored", "honoured")),
)

BILLS = (
    _open("duplicate_scope", "vendor", "2.5", "Where a bill number must be unique.", ("vendor", "company")),
    _open("duplicate_code", "6140", "2.5", "The code of a number used twice.", ("6140", "6210", "6240")),
    _open("duplicate_case", "exact", "2.5", "Whether a-1 is the same number as A-1.", ("exact", "ignored")),
    _open("inactive_reference", "610", "4", "A bill that uses an inactive entry.", ("610", "2500", "accept")),
    _open("docnumber_too_long", "6000", "2.5", "The code for more than 21 characters.", ("6000", "2050")),
    _open("negative_bill_total", "6000", "2.6", "A bill whose lines sum below zero.", ("6000", "accept")),
    _open("zero_bill_total", "6000", "2.6", "A bill whose lines sum to zero.", ("6000", "accept")),
    _open("amount_as_string", "refuse", "2.3", 'An amount sent as "12.50".', ("refuse", "accept")),
    _open("amount_decimals", "round", "2.3", "An amount with more than two decimals.", ("round", "refuse", "keep")),
    _open("amount_mismatch", "6070", "2.3", "Amount is not Qty times UnitPrice.", ("6070", "accept")),
    _open(
        "item_without_expense_account",
        "6000",
        "2.3",
        "A bill line with an item that has no purchase account.",
        ("6000", "accept"),
    ),
    _open("max_lines", 0, "2.3", "Most lines a bill may have; 0 means no limit."),
    _open(
        "class_ref_when_off",
        "ignore",
        "2.3",
        "ClassRef on a line although classes are not tracked per line.",
        ("ignore", "5020"),
    ),
    _open("sparse_bill_update", "as_full", "2.1", "sparse=true on a bill.", ("as_full", "honoured", "500")),
    _open("lines_left_out", "removed", "2.1", "Lines missing from a full update.", ("removed", "kept")),
    _open("desktop_fields", "2010", "2.2", "Memo and other desktop-only fields.", ("2010", "ignore")),
    _open("empty_date_or_number", "refuse", "0", 'A date or number sent as "".', ("refuse", "null")),
    _open("update_linked_bill", "accept", "2.1", "A full update of a bill that has a payment.", ("accept", "6000")),
    _open("delete_linked_bill", "6000", "2.1", "Deleting a bill that has a payment.", ("6000", "800")),
    _open(
        "credit_card_linked_txn",
        "BillPaymentCreditCard",
        "2.9",
        "TxnType of a credit card payment on the bill.",
        ("BillPaymentCreditCard", "APCreditCard"),
    ),
)

READING = (
    _open("query_default_order", "id", "5", "Order of rows without ORDERBY.", ("id", "newest_first")),
    _open("query_case_sensitive", False, "5", "Whether text comparison minds capitals."),
    _open("inactive_hidden", True, "5", "Whether lists leave out inactive entries unless Active is asked."),
    _open("cdc_too_old", "fault", "2.10", "changedSince more than 30 days back.", ("fault", "clip")),
    _open("cdc_most", 1000, "2.10", "Most objects in one answer of change data capture."),
    _open("merged_entry", "deleted", "5", "What a merged list entry becomes.", ("deleted", "inactive")),
    _open("merge_touches_transactions", False, "5", "Whether a merge moves the SyncToken of the bills it changes."),
    _open("batch_max", 30, "3.2", "Most items of one batch; the sources say 30, 10 and 25."),
)

LIMITS = (
    _known(
        "limits",
        "documented",
        "3.3",
        "500 a minute per company, 10 a second per company and app.",
        ("documented", "off"),
    ),
    _open("retry_after_seconds", 0, "3.3", "Retry-After on 429; 0 means the header is absent."),
    _open("throttle_body", "json", "3.3", "The form of the 429 body.", ("json", "html")),
    _known("coreplus_monthly_quota", 0, "3.4", "Reads allowed a month, then 429; 0 means no limit."),
    _open("max_in_flight", 10, "3.3", "Requests at the same time per company and app; 0 means no limit."),
    _known(
        "latency_by_kind",
        "",
        "3.3",
        "Milliseconds per kind of call, one value or a range: bill.create=400 *.query=40-80 upload=900 *=20.",
    ),
    _known("latency_ms", 0, "3.3", "Time a write takes, in milliseconds."),
    _known("read_latency_ms", 0, "3.3", "Time a read or query takes, in milliseconds."),
)

WEBHOOKS = (
    _known("webhook_url", "", "2.11", "Where events are sent; empty means nowhere."),
    _open("webhook_format", "cloudevents", "2.11", "The body of a notification.", ("cloudevents", "legacy")),
    _known("webhook_verifier_token", "demo-verifier-token", "2.11", "Key of the intuit-signature header."),
    _open("webhook_after_payment", True, "2.11", "Whether a bill whose balance moved by a payment is told of too."),
    _known("webhook_drop_percent", 0, "2.11", "Of a hundred changes so many are never told."),
    _known("webhook_duplicate_percent", 0, "2.11", "Of a hundred deliveries so many are sent twice."),
    _known("webhook_shuffle", False, "2.11", "Whether changes of a moment are told in another order."),
    _known("webhook_signature", "right", "2.11", "The intuit-signature header.", ("right", "wrong", "missing")),
    _known("webhook_delay_ms", 0, "2.11", "Wait before events of a moment are sent together."),
)

COMPANY = (
    _known("time_scale", 1, "2.11", "Divides the waits of faults and of webhook retries."),
    _known("bills_enabled", True, "5", "Whether the plan has bills; without, writing one gets 5020."),
    _known(
        "company_status",
        "active",
        "4",
        "State of the company: 120 no access, 6190 subscription over, 130 to 150 unavailable.",
        ("active", "120", "6190", "130", "140", "150"),
    ),
    _known("book_close_date", "", "4", "Books are closed up to and including this date (YYYY-MM-DD)."),
    _known("warn_duplicate_bill_number", False, "2.5", "Preference WarnDuplicateBillNumber."),
    _known("multicurrency", False, "2.2", "Preference MultiCurrencyEnabled."),
    _known("class_tracking", "line", "2.3", "Class tracking.", ("off", "line", "transaction")),
    _known("location_tracking", True, "2.2", "Whether locations (departments) are tracked."),
    _known("projects_enabled", True, "2.4", "Preference ProjectsEnabled."),
    _known("billable_expenses", False, "2.3", "Preference BillableExpenseTracking."),
)

# Switches that a reader of Preferences sees.
PREFERENCES = {
    "bills_enabled",
    "book_close_date",
    "warn_duplicate_bill_number",
    "multicurrency",
    "class_tracking",
    "location_tracking",
    "projects_enabled",
    "billable_expenses",
}

# Switches that cannot differ between companies: they speak of the app, of the service, or of time.
FOR_ALL = {
    *(switch.name for switch in WEBHOOKS),
    "code_lifetime_seconds",
    "coreplus_monthly_quota",
    "query_case_sensitive",
    "query_default_order",
    "retry_after_seconds",
    "throttle_body",
    "time_scale",
}

ALL_SWITCHES = (*OAUTH, *IDEMPOTENCY, *BILLS, *READING, *LIMITS, *WEBHOOKS, *COMPANY)


class RealmSwitches(Switches):
    """The present values; POST {"realm": "...", name: value} changes them for one company only."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger, ALL_SWITCHES)
        self._by_realm: dict[str, dict[str, Value]] = ledger.setting(_SETTING, {})
        # Called with the company ("" for all) whose preferences changed.
        self.preference_watchers: list[Callable[[str], None]] = []

    def text(self, name: str, realm: str = "") -> str:
        return str(self.present(name, realm))

    def number(self, name: str, realm: str = "") -> int:
        return int(self.present(name, realm))

    def on(self, name: str, realm: str = "") -> bool:
        return bool(self.present(name, realm))

    def present(self, name: str, realm: str = "") -> Any:
        own = self._by_realm.get(realm)
        return own[name] if own is not None and name in own else self[name]

    def change(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        values = dict(wanted)
        realm = str(values.pop("realm", ""))
        if not realm:
            changed = super().change(values)
            self._tell(realm, set(values))
            return changed
        if shared := FOR_ALL & set(values):
            raise ValueError(f"{min(shared)} is the same for all companies.")
        checked = {name: self._checked(name, value) for name, value in values.items()}
        self._by_realm = {**self._by_realm, realm: {**self._by_realm.get(realm, {}), **checked}}
        self._ledger.set_setting(_SETTING, self._by_realm)
        self._ledger.append("switches_changed", subject=realm, data=checked)
        self._tell(realm, set(checked))
        return {name: self.present(name, realm) for name in self.known}

    def _tell(self, realm: str, names: set[str]) -> None:
        if names & PREFERENCES:
            for watcher in self.preference_watchers:
                watcher(realm)

    def reset(self) -> None:
        super().reset()
        self._by_realm = {}
        self._ledger.set_setting(_SETTING, {})
