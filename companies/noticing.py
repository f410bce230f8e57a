"""What needs somebody in a company: found by the apps above, kept while it lasts, counted at the bell, mailed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from companies import mailing
from companies.models import Company, Membership, Notice


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that needs somebody now, with the sentence and the link that pages show.

    `key` stays the same while the trouble does, whatever its words; `count` is how many it is about.
    """

    key: str
    words: str
    label: str
    url: str
    colour: str
    count: int = 1
    is_lost_connection: bool = False
    admins_only: bool = False

    def is_for(self, membership: Membership) -> bool:
        return membership.is_admin or not self.admins_only


Provider = Callable[[Company], Iterable[Found]]


def look(company_id: int) -> None:
    """Bring a company's notices up to date and write the mails that follow from it, all of it or nothing.

    Whoever looks at the same moment waits, so that each trouble begins once and is mailed once.
    """
    with transaction.atomic(durable=True):
        company = Company.objects.select_for_update(no_key=True).get(pk=company_id)
        begun = _take_down(company, {found.key: found for found in _all(company)})
        mailing.write(company, begun)


def _all(company: Company) -> Iterable[Found]:
    for path in settings.NOTICE_PROVIDERS:
        provider: Provider = import_string(path)
        yield from provider(company)


def _take_down(company: Company, found: dict[str, Found]) -> list[Notice]:
    """Begin, change and end notices as they were found; those that have begun."""
    known = {notice.key: notice for notice in Notice.objects.filter(company=company, ended_at=None)}
    for key, notice in known.items():
        if key not in found:
            Notice.objects.filter(pk=notice.pk).update(ended_at=Now())
        elif changed := _changed(notice, found[key]):
            Notice.objects.filter(pk=notice.pk).update(**changed)
    fresh = [each for key, each in found.items() if key not in known]
    return [Notice.objects.create(company=company, **_columns(each)) for each in fresh]


def _changed(notice: Notice, found: Found) -> dict[str, object]:
    return {name: value for name, value in _columns(found).items() if getattr(notice, name) != value}


def _columns(found: Found) -> dict[str, object]:
    columns = asdict(found)
    return columns | {"words": found.words[:1000], "label": found.label[:60], "url": found.url[:300]}


def shown_to(membership: Membership) -> list[Notice]:
    """What this person is shown, each with `is_news`; from now on they have seen it."""
    notices = list(Notice.open_to(membership))
    for notice in notices:
        notice.is_news = notice.is_news_to(membership.seen_notices)  # type: ignore[attr-defined]
    seen = counts(notices)
    if seen != membership.seen_notices:
        Membership.objects.filter(pk=membership.pk).update(seen_notices=seen)
        membership.seen_notices = seen
    return notices


def news_for(membership: Membership) -> int:
    """How many notices are new to this person, or grew, since they last looked: one query."""
    rows = Notice.open_to(membership).only("id", "count")
    return sum(notice.is_news_to(membership.seen_notices) for notice in rows)


def counts(notices: Iterable[Notice]) -> dict[str, int]:
    return {str(notice.pk): notice.count for notice in notices}
