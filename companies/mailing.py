"""E-mail about notices: written down with the notice, sent afterwards, at once or as a digest."""

from __future__ import annotations

import hashlib
import smtplib
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models.functions import Now
from django.template.loader import render_to_string

from companies import auditing
from companies.bells import MAIL_DUE
from companies.models import Company, Digest, Mail, Membership, Notice
from companies.templatetags.plain import moment_words
from inbuild.queue import database_now, ring

DIGEST_HOUR = 7
# A mail that could not be sent for so long tells nothing any more: what is open stands on the pages.
PATIENCE = timedelta(days=3)
# Stands in a written mail for the address with the token, which is put in only as it leaves.
LINK = "[the link of this invitation]"


def write(company: Company, begun: Iterable[Notice]) -> None:
    """Write the mails that are due now; each is written once. In the caller's transaction, sent after it."""
    members = list(Membership.objects.filter(company=company, user__is_active=True).select_related("company", "user"))
    lost = [notice for notice in begun if notice.is_lost_connection]
    for member in members:
        if lost and member.gets_mail_at_once:
            _write_at_once(member, lost)
        _write_digest(member, slot(member.digest, _local(company)))


def slot(digest: Digest, now: datetime) -> date | None:
    """The day of the latest digest that is due by now, in the company's zone."""
    if digest == Digest.OFF:
        return None
    day = now.date() if now.hour >= DIGEST_HOUR else now.date() - timedelta(days=1)
    return day if digest == Digest.DAILY else day - timedelta(days=day.weekday())


def _local(company: Company) -> datetime:
    now: datetime = database_now()
    return now.astimezone(ZoneInfo(company.time_zone))


def _write_at_once(member: Membership, lost: list[Notice]) -> None:
    shown = [notice for notice in lost if member.is_admin or not notice.admins_only]
    if not shown:
        return
    subject = shown[0].words if len(shown) == 1 else f"{len(shown)} connections are lost"
    _write(member, f"lost:{shown[0].pk}", subject, "This needs somebody now:", shown, news=shown)
    # Told already: not news for the digest.
    _remember(member, member.mailed_notices | {str(notice.pk): notice.count for notice in shown})


def _write_digest(member: Membership, day: date | None) -> None:
    before = member.digest_day
    if day is None or (before is not None and before >= day):
        return
    Membership.objects.filter(pk=member.pk).update(digest_day=day)
    if before is None:
        return  # they joined, or chose it, after that digest was due
    notices = list(Notice.open_to(member))
    news = [notice for notice in notices if notice.is_news_to(member.mailed_notices)]
    if not news:
        return
    subject = "1 thing needs attention" if len(notices) == 1 else f"{len(notices)} things need attention"
    _write(member, f"digest:{day}", subject, "What needs attention:", notices, news=news)
    _remember(member, {str(notice.pk): notice.count for notice in notices})


def _remember(member: Membership, mailed: dict[str, int]) -> None:
    member.mailed_notices = mailed
    Membership.objects.filter(pk=member.pk).update(mailed_notices=mailed)


def _write(
    member: Membership, about: str, subject: str, opening: str, notices: list[Notice], *, news: list[Notice]
) -> None:
    company = member.company
    rows = [
        {
            "words": notice.words,
            "since": moment_words(notice.begun_at, company),
            "is_news": notice in news,
            "label": notice.label,
            "url": absolute(notice.url),
        }
        for notice in notices
    ]
    context = {
        "company": company,
        "opening": opening,
        "rows": rows,
        "all_url": absolute("/notifications/"),
        "settings_url": absolute("/settings/notifications/"),
        "is_of_several": member.user.memberships.count() > 1,
    }
    _, is_new = Mail.objects.get_or_create(
        membership=member,
        about=about,
        defaults={
            "company": company,
            "subject": " ".join(f"{company.name}: {subject}".split())[:250],
            "text": render_to_string("companies/mail/notices.txt", context),
            "html": render_to_string("companies/mail/notices.html", context),
            "next_at": Now(),
        },
    )
    if is_new:
        ring(MAIL_DUE, company.pk)


def absolute(path: str) -> str:
    return f"{settings.PUBLIC_URL}{path}"


def send(mail: Mail) -> None:
    """Hand one mail to the mail server. A crash right after it took it makes it go again, under the same Message-ID."""
    if why_not := _overtaken(mail):
        mail.end(Mail.State.FAILED, why_not)
        return
    host = urlsplit(settings.PUBLIC_URL).hostname
    headers = {"Message-ID": f"<{mail.uid}@{host}>", "Auto-Submitted": "auto-generated"}
    text, html = (body.replace(LINK, absolute(f"/invitations/{mail.secret}/")) for body in (mail.text, mail.html))
    message = EmailMultiAlternatives(mail.subject, text, to=[mail.to], headers=headers)
    message.attach_alternative(html, "text/html")
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as refusal:
        code, said = next(iter(refusal.recipients.values()))
        words = f"The mail server refuses {mail.to}: {code} {_text(said)}"
        if code >= 500:
            mail.end(Mail.State.FAILED, words)
        else:
            _later(mail, words)
    except (smtplib.SMTPException, OSError) as error:
        _later(mail, _words(error))
    else:
        mail.end(Mail.State.SENT)


def _overtaken(mail: Mail) -> str:
    """Why it need not be sent any more; empty where it must."""
    if mail.invitation is not None:
        is_latest = hashed(mail.secret) == mail.invitation.token_sha256
        return (
            ""
            if is_latest and mail.invitation.is_open
            else "The invitation was accepted, withdrawn or sent again before this mail had left."
        )
    return "" if mail.membership and mail.membership.user.is_active else "This person may no longer sign in."


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _later(mail: Mail, words: str) -> None:
    if mail.created_at < database_now() - PATIENCE:
        mail.end(Mail.State.FAILED, words)
    else:
        mail.again_later(words)


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"The mail server did not accept inBuild's sign-in ({error.smtp_code})."
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The mail server answered {error.smtp_code} {_text(error.smtp_error)}"
    if isinstance(error, smtplib.SMTPException):
        return f"The mail server broke off ({type(error).__name__})."
    return f"The mail server cannot be reached ({type(error).__name__})."


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said


def park(mail: Mail, reference: str) -> None:
    """A bug of ours: it is tried again, and the log has it under the reference."""
    _later(mail, f"Something failed on our side. Reference {reference}.")


def stuck(membership: Membership) -> list[Mail]:
    """The last mail to each person, where it could not be sent: for an admin of the whole company, else their own."""
    rows = Mail.objects.filter(company_id=membership.company_id, invitation=None)
    rows = rows.exclude(state=Mail.State.WAITING, problem="")
    rows = rows if membership.is_admin else rows.filter(membership=membership)
    last = rows.order_by("membership_id", "-id").distinct("membership_id").select_related("membership__user")
    return [mail for mail in last if mail.problem]


def choose_digest(member: Membership, digest: Digest) -> None:
    """From the next one that will be due; what was due before is not made up for."""
    if digest == member.digest:
        return
    with transaction.atomic():
        before, member.digest_choice, member.digest_day = member.digest, digest, None
        Membership.objects.filter(pk=member.pk).update(digest_choice=digest, digest_day=None)
        _record(member, "digest", f"E-mail digest: {digest.label}.", before.value, digest.value)


def choose_at_once(member: Membership, wanted: bool) -> None:
    if wanted == member.gets_mail_at_once:
        return
    with transaction.atomic():
        before, member.at_once_choice = member.gets_mail_at_once, wanted
        Membership.objects.filter(pk=member.pk).update(at_once_choice=wanted)
        to = "on" if wanted else "off"
        _record(member, "mail_at_once", f"E-mail at once for a lost connection: turned {to}.", before, wanted)


def _record(member: Membership, what: str, sentence: str, before: object, after: object) -> None:
    auditing.record(
        member.company_id,
        f"notifications.{what}",
        member,
        sentence,
        user=member.user,
        before={what: before},
        after={what: after},
    )
