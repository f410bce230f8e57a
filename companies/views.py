"""Choosing a company, and the pages for what went wrong."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent, ValidationError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST

from companies import access
from companies.models import Membership


@require_POST
@access.member_reads
def choose(request: access.MemberRequest) -> HttpResponse:
    """Work in another company one is a member of."""
    chosen = request.POST.get("company", "")
    memberships = Membership.objects.filter(user=request.user)
    try:
        membership = get_object_or_404(memberships.select_related("company"), company__public_id=chosen)
    except ValidationError:
        return not_found(request)
    request.session[access.SESSION_KEY] = str(membership.company.public_id)
    # A form still open in another tab was filled in for the other company: its token is refused from now on.
    rotate_token(request)
    return redirect("invoices:list")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The same page for what never was, what is gone and what belongs to another company."""
    return _page(
        request, 404, "This page does not exist", "The address is wrong, or what it named is not in your company."
    )


def closed(request: HttpRequest, key: str = "") -> HttpResponse:
    """A page of allauth that we do not offer."""
    return not_found(request)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 403, "You may not do this", str(exception or access.ADMINS_ONLY))


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Sign-in, password reset and the like, pressed more often than a person would."""
    return _page(request, 429, "Too many attempts", "Too many attempts. Wait a minute, then try again.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    response = _page(request, 403, "This page was open too long", "Nothing was changed. Reload the page and try again.")
    if request.headers.get("HX-Request"):
        response["HX-Refresh"] = "true"
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Rendered without the request: what cannot be read may be its form or the name of its host."""
    words = "What your browser sent could not be read, so nothing was changed. Go back, reload the page and try again."
    if isinstance(exception, TooManyFilesSent):
        most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        words = f"At most {most} files can be sent at once, so none was taken in. Go back and choose fewer."
    elif isinstance(exception, TooManyFieldsSent | RequestDataTooBig):
        words = "The form was too large, so nothing was changed. Go back and do it in smaller parts."
    context = {"title": "This could not be read", "words": words, "status": 400}
    return HttpResponse(render_to_string("companies/refusal.html", context), status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without the request, because what failed may be the database that every other page asks."""
    context = {
        "title": "Something went wrong",
        "words": "Something failed on our side and we have been told. Nothing was sent twice.",
        "status": 500,
        "reference": request.META.get("inbuild.request_id", ""),
    }
    return HttpResponse(render_to_string("companies/refusal.html", context), status=500)


def _page(request: HttpRequest, status: int, title: str, words: str) -> HttpResponse:
    context = {"title": title, "words": words, "status": status}
    if request.headers.get("HX-Request"):
        return render(request, "companies/_refusal.html", context, status=status)
    return render(request, "companies/refusal.html", context, status=status)
