"""The companies of QuickBooks Online: their realms and names, and the lists they share with other books."""

from __future__ import annotations

from emulators.shared.invented_books import (
    ACCOUNTS,
    CLASSES,
    CUSTOMERS,
    INACTIVE_ACCOUNTS,
    INACTIVE_CLASSES,
    INACTIVE_CUSTOMERS,
    INACTIVE_ITEMS,
    INACTIVE_VENDORS,
    ITEMS,
    RIDGELINE_ACCOUNTS,
    RIDGELINE_CUSTOMERS,
    RIDGELINE_ITEMS,
    RIDGELINE_VENDORS,
    TERMS,
    VENDORS,
)

NORTHGATE, RIDGELINE = "9130350000000001", "9130350000000002"
COMPANIES = {NORTHGATE: "Northgate Builders, Inc.", RIDGELINE: "Ridgeline Contractors LLC"}
# Further companies, all with the lists of the first, for runs with many connections.
MORE_COMPANIES = (
    "Stonebridge Construction Group",
    "Bayfront Builders LLC",
    "Copper Canyon Contracting, Inc.",
    "Four Corners General Contractors",
    "Timberline Build Co.",
    "Prairie Sky Constructors",
    "Old Harbor Contracting LLC",
    "Silver Creek Builders, Inc.",
)
DEPARTMENTS = ((1, "Main Office"), (2, "North Yard"), (3, "South Region"))

__all__ = [
    "ACCOUNTS",
    "CLASSES",
    "COMPANIES",
    "CUSTOMERS",
    "DEPARTMENTS",
    "INACTIVE_ACCOUNTS",
    "INACTIVE_CLASSES",
    "INACTIVE_CUSTOMERS",
    "INACTIVE_ITEMS",
    "INACTIVE_VENDORS",
    "ITEMS",
    "MORE_COMPANIES",
    "NORTHGATE",
    "RIDGELINE",
    "RIDGELINE_ACCOUNTS",
    "RIDGELINE_CUSTOMERS",
    "RIDGELINE_ITEMS",
    "RIDGELINE_VENDORS",
    "TERMS",
    "VENDORS",
]
