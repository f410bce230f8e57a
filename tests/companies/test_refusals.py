"""The pages for what went wrong say so plainly and never fail themselves."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from companies import views
from companies.models import Company, Membership, User


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
def test_a_form_that_is_too_large_is_refused_in_words(admin: User, as_user: Any) -> None:
    for form in ({str(number): "" for number in range(1_001)}, {"a": "x" * 1_000_001}):
        answer = as_user(admin).post("/invoices/inbox/", form)
        assert answer.status_code == 400
        assert "The form was too large, so nothing was changed." in answer.content.decode()


@pytest.mark.django_db
def test_a_host_that_is_not_ours_is_refused_in_words(viewer: User, as_user: Any) -> None:
    answer = as_user(viewer).get("/invoices/inbox/", HTTP_HOST="evil.example")
    assert answer.status_code == 400
    assert "could not be read" in answer.content.decode()


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


@pytest.mark.django_db
def test_everything_under_staff_is_read_only_and_behind_the_ordinary_sign_in(viewer: User, as_user: Any) -> None:
    from django.contrib import admin
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = User(is_staff=True, is_superuser=True)
    for model_admin in admin.site._registry.values():
        assert not model_admin.has_add_permission(request)
        assert not model_admin.has_change_permission(request)
        assert not model_admin.has_delete_permission(request)
    names = {model.__name__ for model in admin.site._registry}
    assert not names & {"Authenticator", "EmailAddress", "Group", "Token"}


@pytest.mark.django_db
def test_the_secret_of_a_second_factor_is_sealed() -> None:
    from allauth.mfa.adapter import get_adapter

    sealed = get_adapter().encrypt("JBSWY3DPEHPK3PXP")
    assert "JBSWY3DPEHPK3PXP" not in sealed
    assert get_adapter().decrypt(sealed) == "JBSWY3DPEHPK3PXP"


@pytest.mark.django_db
def test_a_form_filled_in_for_another_company_is_refused(company: Company, other_company: Company, admin: User) -> None:
    from django.test import Client

    Membership.objects.create(company=other_company, user=admin, role="admin")
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    page = client.get("/settings/procore/").content.decode()
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    chosen = {"company": str(other_company.public_id), "csrfmiddlewaretoken": token}
    assert client.post("/companies/choose/", chosen).status_code == 302
    stale = client.post("/settings/procore/connect/", {"csrfmiddlewaretoken": token, "client_id": "x"})
    assert stale.status_code == 403
    assert "Reload the page" in stale.content.decode()


def test_a_password_reset_link_is_not_logged() -> None:
    from inbuild.logs import _SECRET_IN_PATH

    assert (
        _SECRET_IN_PATH.sub("[hidden]", "/accounts/password/reset/key/2-abc123/")
        == "/accounts/password/reset/key/[hidden]/"
    )
