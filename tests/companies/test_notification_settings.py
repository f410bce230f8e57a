"""Settings → Notifications: each person chooses for themselves, saved at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from companies.models import AuditEvent, Company, Digest, Membership, Role, User
from tests.conftest import person

pytestmark = pytest.mark.django_db

PAGE = "/settings/notifications/"


def chosen(client: Client) -> tuple[str, bool]:
    """What the page shows as stored: the digest, and whether mail comes at once."""
    page = client.get(PAGE).content.decode()
    [digest] = re.findall(r'value="(\w+)"\s+aria-pressed="true"', page)
    [at_once] = re.findall(r'role="switch"\s+aria-checked="(\w+)"', page)
    return digest, at_once == "true"


@pytest.mark.parametrize(
    ("role", "usual"),
    [(Role.ADMIN, ("daily", True)), (Role.ACCOUNTANT, ("daily", False)), (Role.VIEWER, ("off", False))],
)
def test_every_role_sees_its_own_and_may_change_it(
    role: Role, usual: tuple[str, bool], company: Company, as_user: Any
) -> None:
    client = as_user(person(company, "somebody@northgate.example", role))
    assert chosen(client) == usual
    for digest in Digest.values:
        assert client.post(PAGE, {"digest": digest}).status_code == 302
        assert chosen(client) == (digest, usual[1])
    for word, stored in (("on", True), ("off", False)):
        for _ in range(2):
            client.post(PAGE, {"at_once": word})
            assert chosen(client)[1] is stored


def test_each_change_is_on_record_once(company: Company, accountant: User, as_user: Any) -> None:
    client = as_user(accountant)
    for _ in range(2):
        client.post(PAGE, {"digest": "weekly"})
        client.post(PAGE, {"at_once": "on"})
    events = AuditEvent.objects.order_by("id").values_list("user__email", "sentence")
    assert list(events) == [
        (accountant.email, "E-mail digest: Every Monday."),
        (accountant.email, "E-mail at once for a lost connection: turned on."),
    ]


def test_nobody_changes_anybody_elses(
    company: Company, other_company: Company, admin: User, viewer: User, as_user: Any
) -> None:
    """Neither another person's, nor one's own in another company."""
    Membership.objects.create(company=other_company, user=viewer, role=Role.ADMIN)
    as_user(viewer).post(PAGE, {"digest": "weekly", "membership": str(admin.memberships.get().pk)})
    kept = dict(Membership.objects.values_list("id", "digest_choice"))
    own = viewer.memberships.get(company=company).pk
    assert {pk: choice for pk, choice in kept.items() if choice} == {own: "weekly"}


def test_a_value_that_is_none_of_ours_changes_nothing(company: Company, admin: User, as_user: Any) -> None:
    client = as_user(admin)
    for data in ({"digest": "hourly"}, {"at_once": "perhaps"}, {"digest": "\0"}, {}):
        assert client.post(PAGE, data).status_code == 302
    assert chosen(client) == ("daily", True)


def test_with_htmx_the_answer_is_the_section_as_stored(company: Company, admin: User, as_user: Any) -> None:
    answer = as_user(admin).post(PAGE, {"digest": "off"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in answer
    assert re.search(r'value="off"\s+aria-pressed="true"', answer)
    assert "Saved." in answer
