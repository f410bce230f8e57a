"""What an admin sets on an integration: posting accounts, and its end."""

from __future__ import annotations

from contextlib import suppress

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounting import posting, setting_aside, waking
from accounting.bells import FOLLOW_DUE
from accounting.models import Bill, Integration, Moved
from companies import auditing
from companies.models import Company, User
from inbuild.queue import ring


class AlreadyConnected(Exception):
    """These books, or this company, have another active integration; the text says which."""


def connect(company: Company, *, kind: str, external_id: str, account_name: str, user: User) -> Integration:
    """Make the integration active; reconnecting to the same books reuses the row with all its mappings.

    Raises AlreadyConnected when the books belong to another company of ours, or another QuickBooks is active here.
    """
    before = Integration.objects.filter(company=company, connected_at__isnull=False).order_by("-connected_at").first()
    try:
        with transaction.atomic():
            # One after the other, so that each sees the other; rows that only name the company need not wait for it.
            Company.objects.select_for_update(no_key=True).get(pk=company.pk)
            if refusal := why_not(company, kind, external_id):
                raise AlreadyConnected(refusal)
            row, _ = Integration.objects.update_or_create(
                company=company,
                kind=kind,
                external_id=external_id,
                defaults={
                    "state": Integration.State.CONNECTED,
                    "account_name": account_name[:255],
                    "connected_by": user,
                    "connected_at": Now(),
                    "next_at": Now(),
                },
            )
            # A further company file beside others takes only the bills of projects that somebody gave it.
            is_alone = not Integration.active(company).exclude(pk=row.pk).exists()
            if is_alone and before is not None and before.pk != row.pk and waiting(company).exists():
                row.confirm_switch = True
                row.save(update_fields=["confirm_switch"])
            auditing.record(company, "integration.connected", row, f"Connected {account_name}", user=user)
    except IntegrityError as exc:
        raise AlreadyConnected("This QuickBooks company is already connected to another company in inBuild.") from exc
    row.refresh_from_db()
    ring(FOLLOW_DUE, row.company_id)
    return row


def why_not(company: Company, kind: str, external_id: str = "") -> str:
    """Why another QuickBooks cannot be connected now; empty when it can.

    A company may keep several company files of Desktop, each for its projects; of Online it has one.
    """
    others = Integration.active(company).exclude(kind=kind, external_id=external_id)
    if kind == Integration.Kind.QBD:
        others = others.exclude(kind=kind)
    other = others.order_by("id").first()
    return f"Disconnect {other} first: bills go to one QuickBooks at a time." if other else ""


UNSENT = (Bill.State.READY, Bill.State.NEEDS_MAPPING, Bill.State.ON_HOLD, Bill.State.FAILED)


def waiting(company: Company | int) -> QuerySet[Bill]:
    """Bills that would go to whatever QuickBooks is connected; those in doubt stay with the books they were sent to."""
    rows = Bill.objects.filter(company=company, state__in=UNSENT)
    return rows.exclude(problem__in=posting.IN_DOUBT).order_by("id")


def send_waiting(integration: Integration, *, user: User) -> int:
    """An admin says that the bills which waited for other books shall go to these. Returns how many."""
    count = waiting(integration.company_id).count()
    if _confirmed(integration, user, f"{count} waiting bills shall go to {integration}"):
        waking.wake(integration.company_id, "other_books")
    return count


def skip_waiting(integration: Integration, *, user: User) -> int:
    """They shall not: each is skipped, and may be taken up again one by one. Returns how many."""
    skipped = 0
    with transaction.atomic():
        if _confirmed(integration, user, f"The waiting bills shall not go to {integration}"):
            for bill in waiting(integration.company_id):
                with suppress(Moved):
                    setting_aside.skip(bill, user=user)
                    skipped += 1
    return skipped


def _confirmed(integration: Integration, user: User, words: str) -> bool:
    """The first press counts."""
    with transaction.atomic():
        rows = Integration.objects.filter(pk=integration.pk, confirm_switch=True)
        if not rows.update(confirm_switch=False):
            return False
        auditing.record(integration.company_id, "integration.switch_confirmed", integration, words, user=user)
    return True


SETTINGS = (
    "line_mode",
    "codes_by",
    "ap_account",
    "expense_account",
    "expense_item",
    "retainage_account",
    "retainage_item",
    "project_use",
    "class_use",
    "location",
    "due_date_rule",
    "term",
    "due_days",
    "creates_vendors",
)


def save(integration: Integration, *, user: User, wizard_goes_to: str | None = None, **values: object) -> int:
    """Store some of the posting settings and let the bills go that waited for them. Returns how many.

    While the wizard is under way nothing goes before its end: it only remembers where it goes on. Raises ValueError
    for a name that is no posting setting.
    """
    if unknown := set(values) - set(SETTINGS):
        raise ValueError(f"Not posting settings: {unknown}")
    before = {name: str(getattr(integration, name) or "") for name in values}
    for name, value in values.items():
        setattr(integration, name, value)
    after = {name: str(getattr(integration, name) or "") for name in values}
    with transaction.atomic():
        if wizard_goes_to is None:
            integration.set_up_at = Now()
        else:
            integration.setup_step = wizard_goes_to
        integration.save(update_fields=[*values, "set_up_at", "setup_step"])
        if before != after:
            sentence = "Posting settings changed"
            auditing.record(
                integration.company_id,
                "integration.settings",
                integration,
                sentence,
                user=user,
                before=before,
                after=after,
            )
        return waking.wake_all_unmapped(integration.company_id) if wizard_goes_to is None else 0


def finish_setup(integration: Integration, *, user: User) -> int:
    """The wizard's last step: from here on bills go. Returns how many that waited go on."""
    with transaction.atomic():
        rows = Integration.objects.filter(pk=integration.pk, set_up_at=None, ap_account__isnull=False)
        if not rows.update(set_up_at=Now(), setup_step=""):
            return 0
        auditing.record(integration.company_id, "integration.set_up", integration, "Setup finished", user=user)
        return waking.wake_all_unmapped(integration.company_id)


def pause(integration: Integration, *, user: User) -> None:
    """No bill is sent until somebody resumes; nothing is lost. A second press changes nothing."""
    integration.pause("Paused QuickBooks Sync", user=user)


def resume(integration: Integration, *, user: User) -> int:
    """Bills go on in the order in which they came. Returns how many."""
    with transaction.atomic():
        if not Integration.objects.filter(pk=integration.pk, paused=True).update(paused=False):
            return 0
        sentence = "Resumed QuickBooks Sync"
        auditing.record(integration.company_id, "integration.resumed", integration, sentence, user=user)
        return waking.wake(integration.company_id, "paused")


def disconnect(integration: Integration, *, user: User) -> None:
    """Bills wait; mappings and history stay for a reconnection."""
    with transaction.atomic():
        rows = Integration.objects.filter(pk=integration.pk).exclude(state=Integration.State.DISCONNECTED)
        if rows.update(state=Integration.State.DISCONNECTED, next_at=None, ends_at=None):
            sentence = f"Disconnected {integration}"
            auditing.record(integration.company_id, "integration.disconnected", integration, sentence, user=user)
            waking.wake(integration.company_id, Bill.WAITS_FOR_PC)
