"""Out: a company's integration with its books, and the bills that must get there."""

from accounting.models.bill import Bill, BillAttempt, BillFile, BookedBill, MissingMapping, Moved
from accounting.models.bulk import BulkItem, BulkRun
from accounting.models.change import BillChange
from accounting.models.integration import Integration, ListEntry, Mapping, ProjectBooks

__all__ = [
    "Bill",
    "BillAttempt",
    "BillChange",
    "BillFile",
    "BookedBill",
    "BulkItem",
    "BulkRun",
    "Integration",
    "ListEntry",
    "Mapping",
    "MissingMapping",
    "Moved",
    "ProjectBooks",
]
