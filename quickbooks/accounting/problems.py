"""Every reason a bill is not in QuickBooks: one plain sentence, one button."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """`label` stands in lists, `sentence` is filled from the bill's detail, `button` names the one action.

    `action` is a deed of `accounting.views.bills.act` (posted to the bill), an address name, or for a change that was
    not possible CHECK or KEEP. `choices` are further deeds an accountant expects beside the one button. `many` is the
    sentence of all invoices with this problem, where `sentence` tells of one alone.
    """

    label: str
    sentence: str
    button: str
    action: str
    choices: tuple[tuple[str, str], ...] = ()
    many: str = ""


SETTINGS = "accounting:integrations"
MAPPING = "accounting:mapping"
DUPLICATE = "accounting:duplicate"
# Where a change of a posted bill was not possible and would not be at a second try.
CHECK, KEEP = "check", "keep"
PROJECTS = "accounting:projects"

CATALOGUE: dict[str, Problem] = {
    "possible_duplicate": Problem(
        "Possible duplicate",
        "inBuild already has invoice {number} of {vendor} for {amount}. Only sync this one if both are real.",
        "Compare",
        DUPLICATE,
        (("Sync anyway", "sync_anyway"),),
        many="inBuild already has invoices of the same vendors with the same numbers. Only sync those that are real.",
    ),
    "duplicate_in_books": Problem(
        "Possible duplicate",
        "QuickBooks already has bill {number} of {vendor} for {amount} of {date}, which inBuild did not make.",
        "Compare",
        DUPLICATE,
        (("Sync anyway", "sync_anyway"),),
        many="QuickBooks already has bills of these vendors with these numbers, which inBuild did not make.",
    ),
    "unlinked": Problem(
        "Possible duplicate",
        "This invoice was unlinked from bill {number} in QuickBooks. Link it to the right bill, sync it or skip it.",
        "Compare",
        DUPLICATE,
        (("Sync anyway", "sync_anyway"),),
        many="These were unlinked from their bills in QuickBooks. Link each to the right bill, sync it or skip it.",
    ),
    "unlinked_own": Problem(
        "Unlinked",
        "This invoice was unlinked from bill {number}, which stays in QuickBooks and is no longer followed. A new bill "
        "would be a second one unless that one is deleted there, so inBuild looks for it before it makes any.",
        "Sync after all",
        "take_up",
        many="These were unlinked from bills of inBuild, which stay in QuickBooks and are no longer followed.",
    ),
    "in_quickbooks_already": Problem(
        "Possible duplicate",
        "QuickBooks already has bill {number} of {vendor} for {amount} that inBuild did not make.",
        "Check again",
        "retry",
        many="QuickBooks already has bills with these numbers that inBuild did not make.",
    ),
    "made_before_restore": Problem(
        "Possible duplicate",
        "QuickBooks already has bill {number} of {vendor} for {amount} of {date}, which inBuild made before it was "
        "restored from a backup. Link it if it is this invoice's; only sync this one if both are real.",
        "Compare",
        DUPLICATE,
        (("Sync anyway", "sync_anyway"),),
        many="QuickBooks has bills that inBuild made before it was restored from a backup. Compare each.",
    ),
    "changed_before_restore": Problem(
        "Already in QuickBooks",
        "inBuild made bill {number} of {vendor} for {amount} from this invoice before it was restored from a backup, "
        "and the bill was changed or copied since. Compare them, then link the right one.",
        "Compare",
        DUPLICATE,
        many="QuickBooks has bills that inBuild made before it was restored from a backup, changed or copied since.",
    ),
    "after_restore": Problem(
        "Checking QuickBooks",
        "inBuild was restored from a backup. It reads QuickBooks before it sends anything, so that nothing is made "
        "twice, and goes on by itself.",
        "Check now",
        "retry",
    ),
    "amounts": Problem(
        "Amounts don't add up",
        "{mismatch} Correct the invoice in Procore.",
        "Check again",
        "retry",
        many="The amounts do not add up. Correct the invoices in Procore; inBuild then takes them up by itself.",
    ),
    "zero": Problem(
        "Nothing to post",
        "This invoice totals 0.00, so there is nothing to pay.",
        "Skip",
        "skip",
        many="These invoices total 0.00, so there is nothing to pay.",
    ),
    "negative": Problem(
        "Credit",
        "This invoice totals {amount}. QuickBooks has no negative bills; it can be made as a vendor credit.",
        "Make a vendor credit",
        "as_credit",
        many="The totals are negative. QuickBooks has no negative bills; each can be made as a vendor credit.",
    ),
    "positive_credit": Problem(
        "No longer a credit",
        "This invoice was to be a vendor credit and now totals {amount}. It can be sent as a bill.",
        "Send as a bill",
        "as_bill",
        many="These were to be vendor credits and are no longer negative. Each can be sent as a bill.",
    ),
    "currency": Problem(
        "Other currency",
        "The invoice is in {currency}, your company keeps its books in {company_currency}. Enter the bill in "
        "QuickBooks by hand, then link it here.",
        "Compare",
        DUPLICATE,
        many="These invoices are in {currency}, your company keeps its books in {company_currency}.",
    ),
    "vendor_currency": Problem(
        "Other currency",
        "The vendor {vendor} has the currency {vendor_currency} in QuickBooks, the invoice is in {currency}. "
        "Map the vendor to one with the invoice's currency.",
        "Choose the vendor",
        MAPPING,
    ),
    "period_closed": Problem(
        "Period closed",
        "The bill's date {date} lies in the period that QuickBooks closed on {closing}.",
        "Post on {first_open}",
        "post_on_open_day",
        (("Check again", "retry"),),
        many="The dates lie in the period that QuickBooks closed on {closing}.",
    ),
    "held": Problem(
        "On hold",
        "{by} put this invoice on hold on {date}. It goes to QuickBooks once somebody releases it.",
        "Release",
        "retry",
        many="Somebody put these invoices on hold. They go to QuickBooks once somebody releases them.",
    ),
    "unmapped": Problem(
        "Needs mapping",
        "QuickBooks does not know yet what this is there: {names}.",
        "Choose in Mapping",
        MAPPING,
        many="QuickBooks does not know yet something that these invoices name.",
    ),
    "no_longer_approved": Problem(
        "No longer approved",
        "The invoice was approved in Procore and no longer is. It is sent once it is approved again.",
        "Check again",
        "retry",
        many="Approved in Procore once and no longer. They are sent once they are approved again.",
    ),
    "changed_in_procore": Problem(
        "Changed in Procore",
        "The invoice changed in Procore while it was being sent. inBuild takes the change over before it tries again.",
        "Check again",
        "retry",
        many="Changed in Procore while they were being sent. inBuild takes the changes over by itself.",
    ),
    "deleted_in_procore": Problem(
        "Deleted in Procore",
        "The invoice was deleted in Procore.",
        "Skip",
        "skip",
        many="These invoices were deleted in Procore.",
    ),
    "setup": Problem(
        "Needs mapping",
        "Choose the accounts payable account that bills are owed in.",
        "Choose accounts",
        SETTINGS,
    ),
    "retainage_account": Problem(
        "Needs mapping",
        "This invoice has retainage of {amount}. Choose what retainage is posted to.",
        "Choose accounts",
        SETTINGS,
        many="These invoices have retainage. Choose what retainage is posted to.",
    ),
    "not_connected": Problem(
        "QuickBooks not connected",
        "No QuickBooks is connected. Bills wait until one is.",
        "Connect QuickBooks",
        SETTINGS,
    ),
    "reconnect": Problem(
        "QuickBooks not connected",
        "QuickBooks no longer accepts inBuild's connection. Bills wait until an admin reconnects.",
        "Reconnect",
        SETTINGS,
    ),
    "other_books": Problem(
        "Other QuickBooks company",
        "This bill waited for another QuickBooks company than {account}. Bills wait until an admin says that they "
        "shall go there.",
        "Open settings",
        SETTINGS,
    ),
    "which_file": Problem(
        "Which company file?",
        "Your company keeps several QuickBooks company files, and nobody said which one takes the bills of {project}.",
        "Choose the file",
        PROJECTS,
    ),
    "waits_for_pc": Problem(
        "Waits for the Web Connector",
        "It goes on by itself when the Web Connector on the PC with QuickBooks calls next.",
        "See the Web Connector",
        SETTINGS,
    ),
    "in_use_for_long": Problem(
        "In use in QuickBooks",
        "QuickBooks could not save the bill, because somebody has the vendor or an account open: {words}",
        "Try again",
        "retry",
    ),
    "vendor_not_created": Problem(
        "Vendor not created",
        "The vendor {vendor} could not be created in QuickBooks. {words}",
        "Choose the vendor",
        MAPPING,
    ),
    "paused": Problem("Paused", "QuickBooks Sync is paused. Bills wait until it goes on.", "Open settings", SETTINGS),
    "no_answer": Problem(
        "Checking QuickBooks",
        "QuickBooks did not confirm this bill. inBuild looks before it sends again, so it cannot be made twice.",
        "Check now",
        "retry",
    ),
    "books_disconnected": Problem(
        "Checking QuickBooks",
        "This bill was sent to {account}, which is no longer connected, and the answer is missing. "
        "Reconnect it, so that inBuild can look there.",
        "Reconnect",
        SETTINGS,
    ),
    "cannot_reach": Problem(
        "QuickBooks does not answer", "QuickBooks cannot be reached. inBuild tries again by itself.", "Try now", "retry"
    ),
    "busy": Problem(
        "QuickBooks is busy", "QuickBooks asked inBuild to slow down. It goes on by itself.", "Try now", "retry"
    ),
    "bill_number_taken": Problem(
        "Possible duplicate",
        "QuickBooks already has a bill with number {number}. Give one of them another number, then try again.",
        "Try again",
        "retry",
        many="QuickBooks already has bills with these numbers. Give one of each two another number, then try again.",
    ),
    "closed_period": Problem(
        "Period closed",
        "{date} lies in a closed period in QuickBooks. Reopen it there or change the invoice's date, then try again.",
        "Try again",
        "retry",
        many="The dates lie in a closed period in QuickBooks. Reopen it there or change the dates, then try again.",
    ),
    "inactive": Problem(
        "Inactive in QuickBooks",
        "QuickBooks says that the vendor {vendor} or an account of this bill is inactive or was deleted. "
        "Make it active, then try again.",
        "Try again",
        "retry",
    ),
    "reference": Problem(
        "Missing in QuickBooks",
        "QuickBooks does not know the vendor {vendor} or an account of this bill any more. "
        "Check the accounts, then try again.",
        "Try again",
        "retry",
    ),
    "vendor_name_taken": Problem(
        "Name already used",
        "QuickBooks has a customer or employee called {vendor}, so the vendor cannot be created. Create the vendor in "
        "QuickBooks under exactly the name inBuild shows, or rename the other one, then try again.",
        "Try again",
        "retry",
    ),
    "subscription": Problem(
        "QuickBooks inactive",
        "QuickBooks says that the subscription of this company is not active, so QuickBooks Sync was paused. Renew it "
        "there, have an admin resume the sync, then try again.",
        "Try again",
        "retry",
    ),
    "not_in_plan": Problem(
        "Not in your plan",
        "The plan of this QuickBooks company does not include what the bill uses: {words} Change the settings here or "
        "the plan there, then try again.",
        "Try again",
        "retry",
    ),
    "refused": Problem("Refused by QuickBooks", "QuickBooks refused the bill: {words}", "Try again", "retry"),
    "in_use": Problem(
        "In use in QuickBooks",
        "Somebody is working with this bill or its vendor in QuickBooks, or just changed it. inBuild tries again by "
        "itself.",
        "Try now",
        "retry",
    ),
    "entry_gone": Problem(
        "Missing in QuickBooks",
        "QuickBooks no longer knows {entry}. Refresh the lists, choose another one in Mapping, then try again.",
        "Try again",
        "retry",
    ),
    "feature_off": Problem(
        "Switched off in QuickBooks",
        "This bill uses something that is switched off in QuickBooks or not part of it: {words} Switch it on there, or "
        "leave it out in the settings, then try again.",
        "Try again",
        "retry",
    ),
    "user_not_allowed": Problem(
        "Not allowed in QuickBooks",
        "The QuickBooks user that inBuild works as may not enter bills. Give that user the permission in QuickBooks, "
        "then try again.",
        "Try again",
        "retry",
    ),
    "app_not_allowed": Problem(
        "Not allowed in QuickBooks",
        "QuickBooks does not let inBuild write. An administrator of the company file allows it there under Edit, "
        "Preferences, Integrated Applications; then try again.",
        "Try again",
        "retry",
    ),
    "malformed": Problem(
        "Failed on our side",
        "QuickBooks could not read what inBuild sent: {words} This is our mistake and nothing was made. Tell inBuild's "
        "support, then try again.",
        "Try again",
        "retry",
    ),
    "deleted_from_books": Problem(
        "Deleted from QuickBooks",
        "Bill {number} was deleted from QuickBooks, as {by} asked. No new one is made unless somebody asks for it.",
        "Sync after all",
        "retry",
        many="The bills were deleted from QuickBooks, as somebody here asked. None is made again by itself.",
    ),
    "paid_in_books": Problem(
        "Paid",
        "QuickBooks shows a payment of {paid} on this bill, so it can only be kept as it is.",
        "Try again",
        "retry",
        many="QuickBooks shows payments on these bills, so they can only be kept as they are.",
    ),
    "closed_for_change": Problem(
        "Period closed",
        "{date} lies in the period that QuickBooks closed on {closing}, so the bill can only be kept as it is.",
        "Try again",
        "retry",
        many="The dates lie in a closed period in QuickBooks, so the bills can only be kept as they are.",
    ),
    "not_made_here": Problem(
        "Linked by hand",
        "A person linked this bill; inBuild did not make it and does not change it. Change it in QuickBooks, or unlink "
        "it first.",
        "Leave the bill as it is",
        KEEP,
    ),
    "gone_from_books": Problem(
        "Not in QuickBooks",
        "The bill is no longer in QuickBooks, so it cannot be updated there.",
        "Check again",
        CHECK,
    ),
    "changed_in_books": Problem(
        "Changed in QuickBooks",
        "Somebody changed this bill in QuickBooks at the same moment. Look at it there, then try again.",
        "Try again",
        "retry",
    ),
    "change_in_doubt": Problem(
        "Checking QuickBooks",
        "QuickBooks did not confirm the change. inBuild looks at the bill before it sends anything again.",
        "Try again",
        "retry",
    ),
    "bug": Problem(
        "Failed on our side",
        "Something failed on our side. Nothing was sent to QuickBooks. Reference {reference}.",
        "Try again",
        "retry",
        many="Something failed on our side. Nothing was sent to QuickBooks.",
    ),
}


class Words(dict[str, Any]):
    """What a sentence is filled from; what is missing shows as dots."""

    def __missing__(self, key: str) -> str:
        return "…"


def problem(code: str) -> Problem:
    """Raises KeyError for a code that has no sentence: such a code must never be written."""
    return CATALOGUE[code]


def sentence(code: str, detail: dict[str, Any]) -> str:
    return CATALOGUE[code].sentence.format_map(Words(detail))
