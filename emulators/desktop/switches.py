"""Behaviours of QuickBooks and of the Web Connector that the reference leaves open, or that a test wants to turn.

The reference of each names the section of qbd.md that speaks of the matter; [U] marks what nobody has tried.
"""

from __future__ import annotations

from emulators.shared.switches import Switch


def _open(name: str, default: bool | int | float | str, section: str, meaning: str, *choices: str) -> Switch:
    return Switch(name, default, meaning, f"qbd.md {section} [U]", choices)


def _known(name: str, default: bool | int | float | str, section: str, meaning: str, *choices: str) -> Switch:
    return Switch(name, default, meaning, f"qbd.md {section}", choices)


CONNECTOR = (
    _known("connector_version", "34.0.10001.130", "1.2", "What QBWC says of itself in clientVersion."),
    _open(
        "soap_style",
        "soap",
        "1.1",
        "How QBWC writes its envelopes: which prefixes, and whether the operation has one.",
        "soap",
        "s",
        "prefixed",
    ),
    _known("wsdl", "", "1.1", "The WSDL that QBWC calls by: a file or an address; empty is the service's own ?wsdl."),
    _open("http_timeout_seconds", 60.0, "1.6", "How long QBWC waits for an answer of the server."),
    _known("noop_seconds", 5.0, "1.5", "How long QBWC waits after NoOp."),
    _open(
        "noop_from_send",
        "fails",
        "1.5",
        "What NoOp as the answer of sendRequestXML does: QBWC1041, or a pause and the same call again.",
        "fails",
        "waits",
    ),
    _known("person_accepts_warning", True, "1.2", "Whether the person goes on after W: of clientVersion."),
    _open("closes_after_busy", False, "1.3", "Whether QBWC calls closeConnection after busy."),
    _open("closes_after_connection_error", False, "1.4", "Whether QBWC calls closeConnection after done."),
    _known(
        "loopback_is_localhost",
        True,
        "1.7",
        "Whether 127.0.0.1 counts as localhost; the real program takes host names only.",
    ),
    _open("same_host_for_support", True, "1.7", "Whether AppSupport must be on the very host of AppURL."),
)

READING = (
    _open("hcp_names_file_id", True, "1.2", "Whether the first sendRequestXML already carries the FileID."),
    _open("whole_amounts", False, "2.2", "Whether an amount without decimals (100) is taken."),
    _open("too_long", "hresult", "2.2", "What a text that is too long gets.", "hresult", "3070"),
    _open("raw_non_ascii", False, "2.2", "Whether characters beyond ASCII are taken without a reference."),
    _open(
        "outside_cp1252", "hresult", "2.2", "What a character outside Windows-1252 gets.", "hresult", "question_mark"
    ),
    _open("partial_lookup", False, "2.3", "Whether a lookup with status 500 still returns what it found."),
    _open(
        "open_amount",
        "right",
        "2.4",
        "What OpenAmount of a bill says: the truth, the whole balance of the vendor, or nothing.",
        "right",
        "vendor_balance",
        "missing",
    ),
    _known("utc_offset_hours", -8, "2.2", "The PC's time zone, as hours from UTC."),
)

WRITING = (
    _open("negative_bill", "refuse", "2.5", "Whether a bill with a negative total is saved.", "refuse", "accept"),
    _open("zero_bill", "accept", "2.5", "Whether a bill of 0.00 is saved.", "refuse", "accept"),
    _open("closing_date_code", 3171, "2.6", "The status of a write into the closed period."),
    _open("inactive_reference", "refuse", "2.6", "Whether an inactive entry may be used.", "refuse", "accept"),
    _open("delete_paid_bill", "refuse", "2.6", "Whether TxnDel deletes a bill with payments.", "refuse", "accept"),
    _open("payment_touches_bill", False, "2.4", "Whether paying a bill moves its TimeModified and EditSequence."),
    _open("external_guid_is_unique", False, "3.3", "Whether a second transaction with an ExternalGUID is refused."),
    _open(
        "default_billable",
        "Billable",
        "2.3",
        "BillableStatus of a line with a job that names none.",
        "Billable",
        "NotBillable",
    ),
    _known("permission", "all", "2.6", "What the application may write.", "all", "3260", "3261", "3263"),
)

RECOVERY = (
    _open(
        "recovery_records",
        "kept",
        "3.1",
        "Whether QuickBooks keeps the answers to message sets, until the file is closed, or not at all.",
        "kept",
        "until_closed",
        "forgotten",
    ),
    _open(
        "status_check_answer",
        "error_recovery",
        "3.1",
        "What the stored answer shows of a saved object: only ErrorRecovery, or all of it as at first.",
        "error_recovery",
        "full",
    ),
    _open("nothing_stored", 9002, "3.1", "The status of a status check that finds nothing: 9002 or 600."),
    _open("failures_are_kept", True, "3.1", "Whether the answer to a set is kept too if a request of it failed."),
    _open("success_has_status", True, "3.1", 'Whether a set with an id is answered with messageSetStatusCode="0".'),
)

SWITCHES = (*CONNECTOR, *READING, *WRITING, *RECOVERY)
