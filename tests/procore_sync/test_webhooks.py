"""Procore's door: who gets in, what is stored, and that no content is ever answered with an error."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from companies.models import Company
from procore_sync import absorbing
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject, WebhookDelivery, secret_sha256
from procore_sync.tasks import import_due
from tests.support import work

pytestmark = pytest.mark.django_db

SECRET = "Bearer the-hook-secret"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def integration(company: Company) -> ProcoreIntegration:
    return ProcoreIntegration.objects.create(
        company=company,
        environment="production",
        procore_company_id=1357908642,
        client_id="x",
        client_secret="y",
        hook_secret="the-hook-secret",
        hook_secret_sha256=secret_sha256(SECRET.encode()),
        state="connected",
    )


def send(integration: ProcoreIntegration, body: bytes, **headers: Any) -> Any:
    given = {"HTTP_AUTHORIZATION": SECRET} | headers
    return Client().post(f"/hooks/procore/{integration.hook_key}/", body, content_type="application/json", **given)


def event(**changes: Any) -> bytes:
    facts = {
        "id": "01JMYXMZRBVKK0PC6XS8SA4QRE",
        "timestamp": "2026-02-25T16:04:43.619085Z",
        "reason": "update",
        "company_id": "1357908642",
        "project_id": "6778",
        "user_id": "5447",
        "resource_type": "Draw Requests",
        "resource_id": "379913",
    }
    return json.dumps(facts | changes).encode()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options"])
def test_only_post(method: str, integration: ProcoreIntegration) -> None:
    answer = getattr(Client(), method)(f"/hooks/procore/{integration.hook_key}/", HTTP_AUTHORIZATION=SECRET)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "secret", ["", "Bearer wrong", "the-hook-secret", "Bearer the-hook-secret ", "Bearer ü", "x" * 10_000]
)
def test_a_wrong_secret_stores_nothing(secret: str, integration: ProcoreIntegration) -> None:
    assert send(integration, event(), HTTP_AUTHORIZATION=secret).status_code == 401
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("key", ["11111111-1111-1111-1111-111111111111", "nonsense", "%00", "a" * 500])
def test_an_unknown_address_answers_like_a_wrong_secret(key: str, integration: ProcoreIntegration) -> None:
    answer = Client().post(
        f"/hooks/procore/{key}/", event(), content_type="application/json", HTTP_AUTHORIZATION=SECRET
    )
    assert answer.status_code == 401
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize(("hours", "status"), [(1, 200), (-1, 401)])
def test_the_previous_secret_counts_for_a_while(hours: int, status: int, integration: ProcoreIntegration) -> None:
    integration.previous_hook_secret_sha256 = integration.hook_secret_sha256
    integration.previous_hook_secret_until = timezone.now() + timedelta(hours=hours)
    integration.hook_secret_sha256 = secret_sha256(b"Bearer new")
    integration.save()
    assert send(integration, event()).status_code == status
    assert send(integration, event(), HTTP_AUTHORIZATION="Bearer new").status_code == 200


def test_the_same_event_is_one_row_that_counts(integration: ProcoreIntegration) -> None:
    assert [send(integration, event()).json()["times_received"] for _ in range(3)] == [1, 2, 3]
    assert WebhookDelivery.objects.get().times_received == 3


def test_too_large_and_encoded_bodies_are_refused_before_they_are_stored(integration: ProcoreIntegration) -> None:
    assert send(integration, b"x" * (256 * 1024 + 1)).status_code == 413
    assert send(integration, event(), HTTP_CONTENT_ENCODING="gzip").status_code == 415
    assert not WebhookDelivery.objects.exists()


def test_a_disconnected_company_takes_note_and_does_nothing(integration: ProcoreIntegration) -> None:
    ProcoreIntegration.objects.update(state="disconnected")
    assert send(integration, event()).status_code == 200
    row = WebhookDelivery.objects.get()
    assert (row.outcome, row.next_at) == ("ignored", None)


CORPUS: dict[str, bytes] = {
    "empty": b"",
    "not json": b"hello",
    "truncated": event()[:-20],
    "nul": event(resource_type="Draw\x00Requests"),
    "nul byte": b"\x00" * 10,
    "lone surrogate": b'{"id": "a", "resource_type": "\\ud800", "reason": "update", "resource_id": 1, "company_id": 1}',
    "nan": b'{"id": 1, "resource_id": NaN}',
    "1e400": b'{"id": 1, "resource_id": 1e400}',
    "bom": b"\xef\xbb\xbf" + event(),
    "utf-16": event().decode().encode("utf-16"),
    "invalid utf-8": b'{"id": "\xff\xfe"}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "long number": b'{"id": ' + b"9" * 5000 + b"}",
    "array": b"[1, 2]",
    "string": b'"text"',
    "number": b"5",
    "null": b"null",
    "duplicate keys": b'{"id": "a", "id": "b", "resource_type": "x", "resource_type": "y"}',
    "no ids": b"{}",
    "float id": event(resource_id=1e2),
    "negative id": event(resource_id=-5),
    "40 digits": event(resource_id="9" * 40),
    "object id": event(resource_id={"$gt": ""}),
    "list id": event(id=[1]),
    "unknown resource": event(resource_type="Submittals"),
    "unknown reason": event(reason="exploded"),
    "foreign company": event(company_id="5"),
    "no project": event(project_id=""),
    "ancient": event(timestamp="1970-01-01T00:00:00Z"),
    "huge text": event(resource_type="x" * 100_000),
    "markup": event(resource_type="<script>alert(1)</script>"),
    "sql": event(resource_type="'; DROP TABLE companies_company; --"),
}


@pytest.mark.parametrize("name", CORPUS)
def test_the_right_secret_is_always_answered_200(name: str, integration: ProcoreIntegration) -> None:
    assert send(integration, CORPUS[name]).status_code == 200
    import_due(company_id=integration.company_id)
    row = WebhookDelivery.objects.get()
    assert bytes(row.body) == CORPUS[name]
    assert row.next_at is None
    if row.outcome in ("dead", "ignored"):
        assert row.reason.endswith(".")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=3000))
def test_any_bytes_are_answered_200_and_kept(integration: ProcoreIntegration, body: bytes) -> None:
    assert send(integration, body).status_code == 200
    row = WebhookDelivery.objects.order_by("-id").first()
    assert row
    import_due(company_id=integration.company_id)


def test_an_event_of_another_company_is_never_fetched(integration: ProcoreIntegration) -> None:
    send(integration, event(company_id="999"))
    import_due(company_id=integration.company_id)
    assert WebhookDelivery.objects.get().outcome == "ignored"
    assert not ProcoreInvoice.objects.exists()


def test_when_procore_last_called_is_kept_for_the_company_and_for_the_project(integration: ProcoreIntegration) -> None:
    project = ProcoreProject.objects.create(
        company=integration.company, integration=integration, procore_id=6778, name="Harbour", last_delivery_at=None
    )
    for number in range(3):
        send(integration, event(id=f"event-{number}"))
    send(integration, event(id="elsewhere", project_id=1))
    import_due(company_id=integration.company_id)
    *here, elsewhere = WebhookDelivery.objects.order_by("id")
    integration.refresh_from_db()
    project.refresh_from_db()
    assert project.last_delivery_at == here[-1].received_at
    assert integration.last_delivery_at == elsewhere.received_at


def test_many_events_about_one_invoice_make_one_work_row(integration: ProcoreIntegration) -> None:
    for number in range(5):
        send(integration, event(id=f"event-{number}"))
    for delivery in WebhookDelivery.objects.all():
        absorbing.absorb(delivery)
    row = ProcoreInvoice.objects.get()
    assert (row.wanted, row.procore_id, row.project_id) == (5, 379913, 6778)
