"""The invented books of two construction companies: accounts, items, terms, classes, customers, vendors.

Both QuickBooks emulators are filled from here, so that their names fit Procore's emulator in the same way.
Ids that the authored samples of the reference use (vendors 46 and 56, accounts 7, 33, 80, 92, customer 61, term 3,
items 21, 22, 30) exist here with a matching meaning.
"""

from __future__ import annotations

# id, number, name, type, subtype
Account = tuple[int, str, str, str, str]
ACCOUNTS: tuple[Account, ...] = (
    (1, "1000", "Operating Checking", "Bank", "Checking"),
    (2, "1010", "Payroll Checking", "Bank", "Checking"),
    (3, "1020", "Money Market Savings", "Bank", "Savings"),
    (4, "1050", "Petty Cash", "Bank", "CashOnHand"),
    (5, "1100", "Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable"),
    (6, "1150", "Retention Receivable", "Other Current Asset", "Retainage"),
    (7, "6100", "Advertising and Promotion", "Expense", "AdvertisingPromotional"),
    (8, "1200", "Undeposited Funds", "Other Current Asset", "UndepositedFunds"),
    (9, "1250", "Prepaid Insurance", "Other Current Asset", "PrepaidExpenses"),
    (10, "1300", "Costs in Excess of Billings", "Other Current Asset", "OtherCurrentAssets"),
    (11, "1500", "Construction Equipment", "Fixed Asset", "MachineryAndEquipment"),
    (12, "1510", "Vehicles", "Fixed Asset", "Vehicles"),
    (13, "1590", "Accumulated Depreciation", "Fixed Asset", "AccumulatedDepreciation"),
    (14, "1800", "Security Deposits", "Other Asset", "SecurityDeposits"),
    (33, "2000", "Accounts Payable (A/P)", "Accounts Payable", "AccountsPayable"),
    (34, "2100", "Company Credit Card", "Credit Card", "CreditCard"),
    (35, "2200", "Payroll Taxes Payable", "Other Current Liability", "PayrollTaxPayable"),
    (36, "2250", "Sales Tax Payable", "Other Current Liability", "SalesTaxPayable"),
    (37, "2300", "Billings in Excess of Costs", "Other Current Liability", "OtherCurrentLiabilities"),
    (38, "2400", "Line of Credit", "Other Current Liability", "LineOfCredit"),
    (39, "2500", "Equipment Loan", "Long Term Liability", "NotesPayable"),
    (40, "3000", "Common Stock", "Equity", "CommonStock"),
    (41, "3100", "Retained Earnings", "Equity", "RetainedEarnings"),
    (42, "4000", "Contract Revenue", "Income", "ServiceFeeIncome"),
    (43, "4010", "Change Order Revenue", "Income", "ServiceFeeIncome"),
    (44, "4900", "Interest Income", "Other Income", "InterestEarned"),
    (80, "5100", "Job Costs - Subcontractors", "Cost of Goods Sold", "CostOfLaborCos"),
    (81, "5200", "Job Costs - Materials", "Cost of Goods Sold", "SuppliesMaterialsCogs"),
    (82, "5300", "Job Costs - Labor", "Cost of Goods Sold", "CostOfLaborCos"),
    (83, "5400", "Job Costs - Equipment Rental", "Cost of Goods Sold", "EquipmentRentalCos"),
    (84, "5500", "Job Costs - Permits and Fees", "Cost of Goods Sold", "OtherCostsOfServiceCos"),
    (85, "5600", "Job Costs - Freight", "Cost of Goods Sold", "ShippingFreightDeliveryCos"),
    (86, "5700", "Job Costs - Waste Disposal", "Cost of Goods Sold", "OtherCostsOfServiceCos"),
    (87, "5800", "Job Costs - Bonds and Insurance", "Cost of Goods Sold", "OtherCostsOfServiceCos"),
    (88, "5900", "Job Costs - Other", "Cost of Goods Sold", "OtherCostsOfServiceCos"),
    (92, "2050", "Retention Payable", "Other Current Liability", "OtherCurrentLiabilities"),
    (93, "6200", "Bank Charges", "Expense", "BankCharges"),
    (94, "6300", "Insurance", "Expense", "Insurance"),
    (95, "6400", "Legal and Professional Fees", "Expense", "LegalProfessionalFees"),
    (96, "6500", "Office Supplies", "Expense", "OfficeGeneralAdministrativeExpenses"),
    (97, "6600", "Rent", "Expense", "RentOrLeaseOfBuildings"),
    (98, "6700", "Repairs and Maintenance", "Expense", "RepairMaintenance"),
    (99, "6800", "Small Tools", "Expense", "SuppliesMaterials"),
    (100, "6900", "Utilities", "Expense", "Utilities"),
    (101, "6950", "Vehicle Fuel", "Expense", "GasAndFuel"),
    (102, "6990", "Old Software Licenses", "Expense", "DuesSubscriptions"),
)
RIDGELINE_ACCOUNTS = tuple(a for a in ACCOUNTS if a[0] in (1, 5, 7, 8, 33, 34, 41, 42, 80, 81, 82, 83, 92, 94, 97))
INACTIVE_ACCOUNTS = (102,)

# id, name, expense account
ITEMS: tuple[tuple[int, str, int | None], ...] = (
    (20, "01-500 Temporary Facilities", 88),
    (21, "03-100 Concrete Forming", 80),
    (22, "04-200 Unit Masonry", 80),
    (23, "05-120 Structural Steel", 80),
    (24, "06-100 Rough Carpentry", 80),
    (25, "07-500 Membrane Roofing", 80),
    (26, "09-290 Gypsum Board", 80),
    (27, "22-000 Plumbing", 80),
    (28, "23-000 HVAC", 80),
    (29, "26-000 Electrical", 80),
    (30, "AP Retainage", 92),
    (31, "31-200 Earthwork", 80),
    (32, "Materials", 81),
    (33, "Equipment Rental", 83),
    (34, "Contract Billing", None),
    (35, "02-400 Selective Demolition", 80),
    (36, "08-800 Glazing", 80),
    (37, "32-100 Paving", 80),
    (38, "33-000 Site Utilities", 80),
    (39, "Retired Allowance", 88),
)
INACTIVE_ITEMS = (39,)
RIDGELINE_ITEMS = tuple(item for item in ITEMS if item[0] in (21, 27, 29, 30, 32, 34))

TERMS = ((1, "Due on receipt", 0), (2, "Net 15", 15), (3, "Net 30", 30), (4, "Net 45", 45), (5, "Net 60", 60))
CLASSES = ((1, "Commercial"), (2, "Residential"), (3, "Public Works"), (4, "Overhead"), (5, "Closed Division"))
INACTIVE_CLASSES = (5,)

# id, name, parent id, project
CUSTOMERS = (
    (60, "Harborview Development Group", None, False),
    (61, "Harborview Medical Office Building", 60, True),
    (62, "Harborview Parking Structure", 60, True),
    (63, "Lakeside Unified School District", None, False),
    (64, "Lakeside Elementary Addition", 63, True),
    (65, "City of Fairmont", None, False),
    (66, "Fairmont Fire Station No. 4", 65, True),
    (67, "Cedar Mill Apartments LP", None, False),
    (68, "Cedar Mill Phase 2", 67, False),
    (69, "Walsh Family Trust", None, False),
    # Projects that a contractor also runs in Procore: some under the very name, some nearly, one not at all.
    (150, "Harbor Point Health System", None, False),
    (151, "Harbor Point Medical Pavilion", 150, True),
    (152, "Cedar Ridge School District", None, False),
    (153, "Cedar Ridge Elementary School", 152, True),
    (154, "Union Yard Partners LP", None, False),
    (155, "Union Yard Lofts", 154, False),
    (156, "Mesa Verde Distribution Ctr", None, False),
    (157, "Fairmont County", None, False),
    (158, "County Courthouse Renovation", 157, True),
    (159, "Old Quay Warehouse", None, False),
)
INACTIVE_CUSTOMERS = (159,)
RIDGELINE_CUSTOMERS = (
    (60, "Summit Retail Partners", None, False),
    (61, "Summit Plaza Renovation", 60, True),
    (62, "Ridgeline Office Campus", None, False),
)

# id, name, mail name, terms
VENDORS = (
    (46, "Norton Lumber and Building Materials", "norton-lumber", 3),
    (47, "Atlas Concrete Contractors, Inc.", "atlas-concrete", 3),
    (48, "Bluewater Plumbing & Heating", "bluewater-plumbing", 3),
    (49, "Keystone Electric Co.", "keystone-electric", 3),
    (50, "Summit Mechanical Systems LLC", "summit-mechanical", 4),
    (51, "Ironclad Steel Erectors", "ironclad-steel", 4),
    (52, "Granite State Masonry", "granite-masonry", 3),
    (53, "TopLine Roofing & Sheet Metal", "topline-roofing", 3),
    (54, "Precision Drywall Partners", "precision-drywall", 3),
    (55, "Evergreen Landscape Group", "evergreen-landscape", 3),
    (56, "Meridian Sign & Graphics", "meridian-sign", 1),
    (57, "Cascade Excavating, Inc.", "cascade-excavating", 3),
    (58, "United Scaffold & Shoring", "united-scaffold", 2),
    (59, "Redwood Millwork Co.", "redwood-millwork", 3),
    (70, "ClearView Glass & Glazing", "clearview-glass", 3),
    (71, "SafeGuard Fire Protection", "safeguard-fire", 4),
    (72, "O'Brien Painting & Coatings", "obrien-painting", 3),
    (73, "Pacific Tile & Stone", "pacific-tile", 3),
    (74, "Delta Elevator Services", "delta-elevator", 5),
    (75, "Frontier Equipment Rentals", "frontier-rentals", 2),
    (76, "Metro Ready-Mix", "metro-readymix", 3),
    (77, "Anchor Insulation LLC", "anchor-insulation", 3),
    (78, "Sunrise Waste & Recycling", "sunrise-waste", 2),
    (79, "Blackhawk Surveying", "blackhawk-survey", 3),
    (80, "Titan Crane & Rigging", "titan-crane", 3),
    (81, "Old Mill Hardware", "old-mill", 1),
    # Vendors that Procore's directory has under exactly this name.
    (100, "Acme Concrete LLC", "acme-concrete", 3),
    (101, "Cascade Electrical Contractors", "cascade-electrical", 3),
    (102, "Dunmore Steel Erectors", "dunmore-steel", 4),
    (103, "Evergreen Roofing & Sheet Metal", "evergreen-roofing", 3),
    (104, "Foster Brothers Masonry", "foster-masonry", 3),
    (105, "Granite Peak Excavation", "granite-peak", 3),
    (106, "Holloway Drywall Systems", "holloway-drywall", 3),
    (107, "Inland Fire Protection", "inland-fire", 4),
    (108, "Keystone Glass & Glazing", "keystone-glass", 3),
    (109, "Lomax Flooring", "lomax-flooring", 3),
    (110, "Northstar Painting", "northstar-painting", 3),
    (111, "Pacific Asphalt Paving", "pacific-asphalt", 3),
    (112, "Quarry Stone Supply", "quarry-stone", 2),
    (113, "Red Cedar Carpentry", "red-cedar", 3),
    (114, "Valley Crane & Rigging", "valley-crane", 3),
    (115, "Xavier Controls", "xavier-controls", 4),
    (116, "Bishop Waterproofing", "bishop-waterproofing", 3),
    (117, "Delta Rebar Fabricators", "delta-rebar", 3),
    (118, "Eastside Ready Mix", "eastside-readymix", 3),
    (119, "Frontier Lumber & Supply", "frontier-lumber", 2),
    (120, "Hartwell Security Systems", "hartwell-security", 3),
    (121, "Ironwood Casework", "ironwood-casework", 3),
    (122, "Juniper Utility Contractors", "juniper-utility", 3),
    (123, "Lighthouse Lighting Supply", "lighthouse-lighting", 2),
    # Nearly the same name: another ending, capitals, "and", an accent, another apostrophe.
    (124, "Bluewater Plumbing Company", "bluewater-plumbing-co", 3),
    (125, "Jasper Mechanical, Inc.", "jasper-mechanical", 3),
    (126, "Meridian Elevator Co.", "meridian-elevator", 5),
    (127, "Orchard Mill Work", "orchard-millwork", 3),
    (128, "SUMMIT INSULATION", "summit-insulation", 3),
    (129, "Three Rivers Landscaping LLC", "three-rivers", 3),
    (130, "Alder and Sons Tile", "alder-tile", 3),
    (131, "Westgate Doors and Hardware", "westgate-doors", 3),
    (132, "O\u2019Malley & Daughters Scaffolding", "omalley-scaffolding", 2),
    (133, "Nunez Fireproofing Inc", "nunez-fireproofing", 3),
    # No longer used.
    (134, "Upland Surveying", "upland-surveying", 3),
    (135, "Yakima Fence", "yakima-fence", 3),
    (136, "Kestrel Window Coverings", "kestrel-coverings", 3),
)
RIDGELINE_VENDORS = tuple(vendor for vendor in VENDORS if vendor[0] in (47, 48, 49, 54, 72, 75)) + (
    (90, "Ridge Valley Framing", "ridge-framing", 3),
)
INACTIVE_VENDORS = (81, 134, 135, 136)
