"""Connecting a company to Procore: sign-in, projects, and a webhook in each project."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from companies import auditing
from companies.models import Company, User
from procore_sync import mirroring, reading
from procore_sync.client import Procore, ProcoreError
from procore_sync.models import ProcoreIntegration, ProcoreProject, secret_sha256

NAMESPACE = "inbuild"
PAYLOAD_VERSION = "v4.0"
EVENTS = ("create", "update", "delete")


class CannotConnect(Exception):
    """The text says what is wrong, in words for the admin who is connecting."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the admin types in: a service account of the customer's Procore company."""

    environment: str
    procore_company_id: int
    client_id: str
    client_secret: str


def connect(company: Company, given: Credentials, *, user: User) -> ProcoreIntegration:
    """Check the credentials with Procore, then keep them and make the webhooks. Raises CannotConnect.

    Nothing is stored when Procore does not accept them.
    """
    trial = ProcoreIntegration(
        company=company,
        environment=given.environment,
        procore_company_id=given.procore_company_id,
        client_id=given.client_id,
        client_secret=given.client_secret,
    )
    try:
        procore = Procore(trial, "connect")
        me = procore.me()
        names = {found.get("id"): reading.text(found.get("name")) for found in procore.companies()}
    except ProcoreError as exc:
        raise CannotConnect(str(exc)) from exc
    if given.procore_company_id not in names:
        raise CannotConnect("This service account cannot see the Procore company with that id. Check the company id.")
    row = _row(trial)
    row.client_id, row.client_secret = given.client_id, given.client_secret
    row.access_token, row.access_expires_at = "", None  # the old one belongs to the old credentials
    row.own_user_id = me["id"] if isinstance(me.get("id"), int) else None
    row.procore_company_name = names[given.procore_company_id][:255]
    _keep(row, user)
    check(row)
    return row


def check(integration: ProcoreIntegration) -> None:
    """Read the projects and put a webhook into each; what does not work is written on the project."""
    try:
        procore = Procore(integration, "check")
        _remember_projects(integration, procore)
    except ProcoreError as exc:
        _checked(integration, str(exc))
        return
    projects = list(ProcoreProject.objects.filter(integration=integration).order_by("id"))
    problems = [project for project in projects if not _hooked(integration, procore, project)]
    if problems:
        _checked(integration, f"{len(problems)} of {len(projects)} projects have no webhook: {problems[0].problem}")
    else:
        _checked(integration, "")


def disconnect(integration: ProcoreIntegration, *, user: User) -> None:
    """Stop taking invoices from Procore; the switch goes off, what was imported stays and keeps syncing."""
    mirroring.set_to(integration, False, user=user)
    with transaction.atomic():
        ProcoreIntegration.objects.filter(pk=integration.pk).update(
            state=ProcoreIntegration.State.DISCONNECTED, access_token="", access_expires_at=None
        )
        auditing.record(integration.company_id, "procore.disconnected", integration, "Procore disconnected", user=user)


def _row(trial: ProcoreIntegration) -> ProcoreIntegration:
    """The row of an earlier connection to the same Procore company, else a new one."""
    found = ProcoreIntegration.objects.filter(
        company=trial.company, environment=trial.environment, procore_company_id=trial.procore_company_id
    ).first()
    return found or trial


def _keep(row: ProcoreIntegration, user: User) -> None:
    row.state = ProcoreIntegration.State.CONNECTED
    if not row.hook_secret:
        row.hook_secret = secrets.token_urlsafe(32)
        row.hook_secret_sha256 = secret_sha256(authorization(row).encode())
    try:
        with transaction.atomic():
            row.save()
            auditing.record(
                row.company_id, "procore.connected", row, f"Connected {row.procore_company_name}", user=user
            )
    except IntegrityError as exc:
        other = ProcoreIntegration.active(row.company_id)
        if other and other.pk != row.pk:
            raise CannotConnect(f"Disconnect {other} first: one Procore company at a time.") from exc
        raise CannotConnect("This Procore company is already connected to another company in inBuild.") from exc


def authorization(integration: ProcoreIntegration) -> str:
    """The value Procore sends with every delivery, letter for letter."""
    return f"Bearer {integration.hook_secret}"


def _remember_projects(integration: ProcoreIntegration, procore: Procore) -> None:
    rows = [
        ProcoreProject(
            company_id=integration.company_id,
            integration=integration,
            procore_id=found["id"],
            name=reading.text(found.get("name"))[:255],
            number=reading.text(found.get("project_number"))[:60],
        )
        for found in procore.projects()
        if isinstance(found.get("id"), int)
    ]
    ProcoreProject.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["integration", "procore_id"], update_fields=["name", "number"]
    )


def _hooked(integration: ProcoreIntegration, procore: Procore, project: ProcoreProject) -> bool:
    try:
        project.hook_id, project.problem = _ensure_hook(integration, procore, project.procore_id), ""
    except ProcoreError as exc:
        project.problem = str(exc)[:300]
    ProcoreProject.objects.filter(pk=project.pk).update(hook_id=project.hook_id, problem=project.problem, next_at=Now())
    return not project.problem


def _ensure_hook(integration: ProcoreIntegration, procore: Procore, project_id: int) -> str:
    """Our hook in this project: made if missing, switched on and given our secret if there. Returns its id."""
    resource = _resource_name(procore, project_id)
    body = {
        "payload_version": PAYLOAD_VERSION,
        "namespace": NAMESPACE,
        "destination_url": f"{settings.PUBLIC_URL}/hooks/procore/{integration.hook_key}/",
        "destination_headers": {"Authorization": authorization(integration)},
    }
    ours = [
        hook for hook in procore.hooks(project_id, NAMESPACE) if hook.get("destination_url") == body["destination_url"]
    ]
    if ours:
        hook_id = str(ours[0]["id"])
        procore.update_hook(project_id, hook_id, body | {"status": "active"})
    else:
        hook_id = str(procore.create_hook(project_id, body)["id"])
    there = {
        (str(trigger.get("resource_name")).lower(), str(trigger.get("event_type")).lower())
        for trigger in procore.triggers(project_id, hook_id)
    }
    for event in EVENTS:
        if (resource.lower(), event) not in there:
            procore.create_trigger(project_id, hook_id, {"resource_name": resource, "event_type": event})
    return hook_id


def _resource_name(procore: Procore, project_id: int) -> str:
    """Procore's own spelling of the resource, from its catalogue; the name for v4.0 is not documented."""
    for row in procore.webhook_resources(project_id, PAYLOAD_VERSION):
        name = str(row.get("name") or "")
        if name.lower() == reading.SUBCONTRACTOR_INVOICES:
            return name
    raise ProcoreError(
        "Procore's list of webhook resources has no Draw Requests, so changes cannot be announced to inBuild."
    )


def _checked(integration: ProcoreIntegration, problem: str) -> None:
    integration.check_result = problem[:500]
    ProcoreIntegration.objects.filter(pk=integration.pk).update(checked_at=Now(), check_result=problem[:500])
    integration.refresh_from_db()
