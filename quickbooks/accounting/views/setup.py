"""The Setup Wizard, and each of its settings by itself afterwards."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounting import configuring, setup
from accounting.forms import SettingForm, form_of
from accounting.models import Integration, ListEntry
from accounting.views import choosing
from accounting.views.integrations import going_on
from companies import access

END = "finish"


@require_safe
@access.admin_writes
def begin(request: access.MemberRequest) -> HttpResponse:
    """Where the wizard was left; from the start when it never ran."""
    integration = _integration(request)
    names = [step.name for step in setup.steps(integration)] + [END]
    left = integration.setup_step if integration.setup_step in names else names[0]
    return redirect("accounting:setup_step", step=left)


@require_http_methods(["GET", "HEAD", "POST"])
@access.admin_writes
def one_step(request: access.MemberRequest, step: str) -> HttpResponse:
    """One setting. In the wizard it leads on to the next, afterwards back to the settings."""
    integration = _integration(request)
    if step == END:
        return _finish(request, integration)
    found = next((one for one in setup.steps(integration) if one.name == step), None)
    if found is None:
        raise Http404
    if request.method != "POST":
        return _show(request, integration, found, form_of(found, integration))
    form = form_of(found, integration, request.POST)
    if not form.is_valid():
        return _show(request, _integration(request), found, form, status=422)
    fresh = _integration(request)
    if fresh.set_up_at is not None:
        freed = configuring.save(fresh, user=request.user, **form.cleaned_data)
        messages.success(request, f"Saved.{going_on(freed)}")
        return redirect("accounting:integrations")
    following = setup.step_after(found, fresh)
    goes_to = following.name if following else END
    configuring.save(fresh, user=request.user, wizard_goes_to=goes_to, **form.cleaned_data)
    return redirect("accounting:setup_step", step=goes_to)


def _finish(request: access.MemberRequest, integration: Integration) -> HttpResponse:
    if request.method == "POST":
        if integration.ap_account_id is None:
            messages.error(request, "Choose the accounts payable account first.")
            return redirect("accounting:setup_step", step=setup.STEPS[0].name)
        freed = configuring.finish_setup(integration, user=request.user)
        messages.success(request, f"QuickBooks is set up.{going_on(freed)}")
        return redirect("accounting:integrations")
    rows = [(step, setup.value(step, integration)) for step in setup.steps(integration)]
    context = {"integration": integration, "settings_rows": rows, "is_last": True}
    context |= choosing.among(request, integration)
    return render(request, "accounting/setup_finish.html", context)


def _show(
    request: access.MemberRequest, integration: Integration, step: setup.Step, form: SettingForm, status: int = 200
) -> HttpResponse:
    asked = setup.steps(integration)
    place = asked.index(step)
    context = {
        "integration": integration,
        "step": step,
        "form": form,
        "in_wizard": integration.set_up_at is None,
        "number": place + 1,
        "count": len(asked) + 1,
        "before": asked[place - 1] if place else None,
        "waits_for_lists": _waits_for_lists(integration),
    } | choosing.among(request, integration)
    return render(request, "accounting/setup_step.html", context, status=status)


def _waits_for_lists(integration: Integration) -> bool:
    """Nothing can be chosen before the Web Connector's first session brought the lists."""
    is_desktop = integration.kind == Integration.Kind.QBD
    return is_desktop and not ListEntry.objects.filter(integration=integration).exists()


def _integration(request: access.MemberRequest) -> Integration:
    """The company's own active one; without one there is nothing to set up."""
    found = choosing.chosen(request)
    if found is None:
        raise Http404
    return found
