"""In: a company's integration with Procore, what Procore told us, and every Procore invoice we ever heard of."""

from procore_sync.models.contract_payment import ContractPayment
from procore_sync.models.integration import (
    MirroringPeriod,
    ProcoreIntegration,
    ProcoreProject,
    WebhookDelivery,
    secret_sha256,
)
from procore_sync.models.month_check import MonthCheck
from procore_sync.models.oauth_state import OAuthState
from procore_sync.models.procore_invoice import Backfill, ProcoreAttachment, ProcoreInvoice
from procore_sync.models.sent_invoice import Moved, SentInvoice

__all__ = [
    "Backfill",
    "ContractPayment",
    "MirroringPeriod",
    "MonthCheck",
    "Moved",
    "OAuthState",
    "ProcoreAttachment",
    "ProcoreIntegration",
    "ProcoreInvoice",
    "ProcoreProject",
    "SentInvoice",
    "WebhookDelivery",
    "secret_sha256",
]
