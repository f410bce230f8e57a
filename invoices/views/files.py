"""Files of invoices and of the inbox, kept from doing anything in the browser."""

from __future__ import annotations

from uuid import UUID

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from companies import access
from invoices.models import Attachment, InboxFile


@require_safe
@access.workers_write
def attachment(request: access.MemberRequest, public_id: UUID) -> HttpResponseBase:
    found = get_object_or_404(Attachment, company=request.membership.company, public_id=public_id)
    is_pdf = found.begins_like_a_pdf()
    kind = found.content_type if is_pdf or found.is_picture else "application/octet-stream"
    return _shown(found.file, found.name, kind, is_pdf=is_pdf)


@require_safe
@access.workers_write
def inbox_file(request: access.MemberRequest, public_id: UUID) -> HttpResponseBase:
    rows = InboxFile.open_in(request.membership.company)
    found = get_object_or_404(rows, public_id=public_id)
    is_pdf = found.begins_like_a_pdf()
    return _shown(found.file, found.name, "application/pdf" if is_pdf else "application/octet-stream", is_pdf=is_pdf)


def _shown(file: FieldFile, name: str, kind: str, *, is_pdf: bool) -> HttpResponseBase:
    """Only what begins like a PDF is shown by the browser; all else is saved.

    A sandbox would also keep Chromium's own PDF viewer from starting, so a PDF goes without; scripts in it never run
    in our page, because the viewer has no access to it.
    """
    try:
        response = FileResponse(file.open("rb"), content_type=kind)
    except OSError as exc:
        raise Http404(f"The file {file.name} is gone.") from exc
    response["Content-Disposition"] = content_disposition_header(not is_pdf, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Frame-Options"] = "SAMEORIGIN" if is_pdf else "DENY"
    frame, rest = ("'self'", "") if is_pdf else ("'none'", "; sandbox")
    response["Content-Security-Policy"] = f"default-src 'none'; frame-ancestors {frame}{rest}"
    return response
