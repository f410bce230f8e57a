"""Where a session breaks, on demand: one-shot faults, each at its own point, each counted (qbd.md 3.2).

A rule is {"fault": name, "match": {"body": regular expression on the qbXML of the request, "path": application},
"times": 1, "skip": 0, "seconds": ...}. A message set is "written" when it holds a request that writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulators.shared.faults import FaultEngine, FaultRule

CUTS = {
    "request_lost": "The answer to sendRequestXML never reaches the Web Connector (QBWC1041).",
    "dies_before_quickbooks": "The Web Connector dies with the message set in its hand; QuickBooks never sees it.",
    "dies_after_saving": "QuickBooks has saved, then the PC dies.",
    "response_cut": "receiveResponseXML is cut off before the server has read it (QBWC1042).",
    "answer_lost": "The server has read receiveResponseXML and answered; its answer is lost (QBWC1042).",
    "record_lost": "QuickBooks has saved, the PC dies, and the recovery record is gone.",
    "reference_changed": "QuickBooks has saved, the PC dies, and a person changes the bill's RefNumber.",
    "record_and_reference_lost": "As both before: no recovery record, and another RefNumber.",
    "deleted_unseen": "QuickBooks has saved, the PC dies, and a person deletes the bill.",
    "deleted_after": "The answer is delivered, then a person deletes the bill.",
    "restored_unseen": "QuickBooks has saved, the PC dies, and the file is restored to its state before the write.",
    "restored_after": "The answer is delivered, then the file is restored to its state before the write.",
    "delivered_twice": "receiveResponseXML comes twice with the same ticket and content.",
    "delivered_late": "The session breaks off; receiveResponseXML comes once the next session has authenticated.",
    "hresult_before": "QuickBooks fails before it does anything; receiveResponseXML carries an hresult.",
    "hresult_after": "QuickBooks saves and then fails; receiveResponseXML carries an hresult instead of the answer.",
    "record_not_stored": "QuickBooks saves and answers, but says 9005: it could not keep the answer.",
    "slow": "QuickBooks takes `seconds` for the message set.",
    "closes_unsaid": "The Web Connector ends the session without closeConnection.",
}
AFTER_SAVING = (
    "dies_after_saving",
    "record_lost",
    "reference_changed",
    "record_and_reference_lost",
    "deleted_unseen",
    "restored_unseen",
    "delivered_late",
)
AFTER_DELIVERY = ("deleted_after", "restored_after")
RESTORES = ("restored_unseen", "restored_after")


class CutPoints(FaultEngine):
    """The rules of the shared engine, asked for at points of a session instead of in front of a server."""

    @property
    def names(self) -> list[str]:
        return list(CUTS)

    def add(self, wanted: Mapping[str, Any]) -> FaultRule:
        return super().add({"times": 1, **wanted})

    def strikes(self, *faults: str, app: str, text: str) -> FaultRule | None:
        """The rule that cuts here, already counted."""
        return next((rule for fault in faults if (rule := self.strike(fault, "QBWC", app, text)) is not None), None)
