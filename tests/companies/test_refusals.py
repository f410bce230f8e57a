"""The pages for what went wrong say so plainly and never fail themselves."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from companies import views
from companies.models import User


def test_the_error_page_asks_no_database(rf: RequestFactory) -> None:
    """This test has no database: asking it would fail."""
    request = rf.get("/invoices/")
    request.META["inbuild.request_id"] = "abc123"
    answer = views.server_error(request)
    assert answer.status_code == 500
    assert "abc123" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/nowhere/", "/invoices/../../etc/passwd", "/.git", "/invoices/%00/", "/invoices/%ff/"]
)
def test_an_unknown_address_is_a_404_page(address: str, viewer: User, as_user: Any) -> None:
    assert as_user(viewer).get(address).status_code in (400, 404)


@pytest.mark.django_db
@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_away(target: str, viewer: User, client: Any) -> None:
    fields = {"login": viewer.email, "password": "a-long-enough-password", "next": target}
    answer = client.post("/accounts/login/", fields)
    assert answer.status_code == 302
    assert answer["Location"] == "/"


@pytest.mark.django_db
def test_nobody_signs_up_by_themselves(client: Any) -> None:
    answer = client.post("/accounts/signup/", {"email": "x@example.com", "password1": "p" * 14, "password2": "p" * 14})
    assert answer.status_code in (200, 302, 403)
    assert not User.objects.exists()


@pytest.mark.django_db
def test_the_staff_pages_are_for_staff_and_change_nothing(viewer: User, as_user: Any) -> None:
    assert as_user(viewer).get("/staff/").status_code == 302
    User.objects.filter(pk=viewer.pk).update(is_staff=True, is_superuser=True)
    client = as_user(User.objects.get(pk=viewer.pk))
    page = client.get("/staff/companies/company/")
    assert page.status_code == 200
    assert client.get("/staff/companies/company/add/").status_code == 403
    shown = client.get(f"/staff/companies/user/{viewer.pk}/change/").content.decode()
    assert "md5$" not in shown
    assert client.post(f"/staff/companies/user/{viewer.pk}/change/", {"email": "x@y.example"}).status_code == 403
