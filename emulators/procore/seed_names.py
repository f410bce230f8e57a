"""Invented names for the demo companies."""

from __future__ import annotations

PROJECTS = (
    ("Harbor Point Medical Pavilion", "24-101", "410 Harbor Point Dr", "Tacoma", "WA", "98402"),
    ("Cedar Ridge Elementary School", "24-107", "2200 Cedar Ridge Rd", "Boise", "ID", "83704"),
    ("Union Yard Lofts", "25-002", "88 Union Yard", "Spokane", "WA", "99201"),
    ("Mesa Verde Distribution Center", "25-009", "15000 E Logistics Pkwy", "Aurora", "CO", "80011"),
    ("Fairmont County Courthouse Renovation", "25-014", "1 Courthouse Sq", "Fairmont", "OR", "97322"),
    ("Lakeside Water Treatment Upgrade", "26-003", "700 Shoreline Ave", "Bellevue", "WA", "98004"),
)
SECOND_PROJECTS = (
    ("Ridgeline Office Campus", "R-301", "55 Summit View", "Bozeman", "MT", "59715"),
    ("Pine Street Parking Structure", "R-305", "900 Pine St", "Helena", "MT", "59601"),
)
# name, trade as written on the contract, number of the cost code division
VENDORS = (
    ("Acme Concrete LLC", "Cast-in-place concrete", "03"),
    ("Bluewater Plumbing Co.", "Plumbing", "22"),
    ("Cascade Electrical Contractors", "Electrical", "26"),
    ("Dunmore Steel Erectors", "Structural steel", "05"),
    ("Evergreen Roofing & Sheet Metal", "Roofing", "07"),
    ("Foster Brothers Masonry", "Masonry", "04"),
    ("Granite Peak Excavation", "Earthwork", "31"),
    ("Holloway Drywall Systems", "Drywall and framing", "09"),
    ("Inland Fire Protection", "Fire suppression", "21"),
    ("Jasper Mechanical", "HVAC", "23"),
    ("Keystone Glass & Glazing", "Glazing", "08"),
    ("Lomax Flooring", "Flooring", "09"),
    ("Meridian Elevator", "Elevators", "14"),
    ("Northstar Painting", "Painting", "09"),
    ("Orchard Millwork", "Finish carpentry", "06"),
    ("Pacific Asphalt Paving", "Paving", "32"),
    ("Quarry Stone Supply", "Stone supply", "04"),
    ("Red Cedar Carpentry", "Rough carpentry", "06"),
    ("Summit Insulation", "Insulation", "07"),
    ("Three Rivers Landscaping", "Landscaping", "32"),
    ("Upland Surveying", "Survey and layout", "01"),
    ("Valley Crane & Rigging", "Hoisting", "01"),
    ("Westgate Doors & Hardware", "Doors and hardware", "08"),
    ("Xavier Controls", "Building controls", "25"),
    ("Yakima Fence", "Fencing", "32"),
    ("Zenith Demolition", "Selective demolition", "02"),
    ("Alder & Sons Tile", "Tile", "09"),
    ("Bishop Waterproofing", "Waterproofing", "07"),
    ("Copperline Low Voltage", "Communications", "27"),
    ("Delta Rebar Fabricators", "Reinforcing steel", "03"),
    ("Eastside Ready Mix", "Ready-mix supply", "03"),
    ("Frontier Lumber & Supply", "Lumber supply", "06"),
    ("Gibson Acoustics", "Acoustical ceilings", "09"),
    ("Hartwell Security Systems", "Electronic security", "28"),
    ("Ironwood Casework", "Casework", "12"),
    ("Juniper Utility Contractors", "Site utilities", "33"),
    ("Kestrel Window Coverings", "Window treatments", "12"),
    ("Lighthouse Lighting Supply", "Lighting supply", "26"),
    ("O'Malley & Daughters Scaffolding", "Scaffolding", "01"),
    ("Núñez Fireproofing, Inc.", "Fireproofing", "07"),
)
SECOND_VENDORS = (
    ("Acme Concrete LLC", "Cast-in-place concrete", "03"),
    ("Bridger Electric", "Electrical", "26"),
    ("Gallatin Steel", "Structural steel", "05"),
    ("Madison Mechanical", "HVAC", "23"),
)
STAFF = (
    ("Dana Whitfield", "dana.whitfield@northgate.example"),
    ("Marcus Oyelaran", "marcus.oyelaran@northgate.example"),
    ("Priya Raman", "priya.raman@northgate.example"),
    ("Tom Beckett", "tom.beckett@northgate.example"),
)
SECOND_STAFF = (("Ruth Callahan", "ruth.callahan@ridgeline.example"), ("Ivan Petrov", "ivan.petrov@ridgeline.example"))
CONTACTS = ("Alex", "Jordan", "Sam", "Chris", "Robin", "Terry", "Lee", "Casey", "Morgan", "Drew")
SURNAMES = (
    "Avery",
    "Brooks",
    "Castillo",
    "Donovan",
    "Ellison",
    "Fischer",
    "Grant",
    "Hughes",
    "Ito",
    "Jensen",
    "Kaplan",
)
DIVISIONS = {
    "01": "General requirements",
    "02": "Existing conditions",
    "03": "Concrete",
    "04": "Masonry",
    "05": "Metals",
    "06": "Wood and plastics",
    "07": "Thermal and moisture protection",
    "08": "Openings",
    "09": "Finishes",
    "12": "Furnishings",
    "14": "Conveying equipment",
    "21": "Fire suppression",
    "22": "Plumbing",
    "23": "Heating and ventilation",
    "25": "Integrated automation",
    "26": "Electrical",
    "27": "Communications",
    "28": "Electronic safety",
    "31": "Earthwork",
    "32": "Exterior improvements",
    "33": "Utilities",
}
WORK = (
    "Mobilization and submittals",
    "Material procurement",
    "Rough-in, level 1",
    "Rough-in, level 2",
    "Installation, east wing",
    "Installation, west wing",
    "Finish and trim",
    "Testing and closeout",
)
CHANGES = ("Added scope per RFI 42", "Owner change: layout revision", "Unforeseen conditions", "Accelerated schedule")
