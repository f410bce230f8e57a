"""Web page of hooks and deliveries, with a form that makes a hook by hand (reference 1.5)."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from emulators.procore.control_invoices import actor_of
from emulators.procore.emulation import Emulation
from emulators.procore.event_bodies import FORMATS
from emulators.procore.hooks import HookRefused
from emulators.procore.seeding import COMPANY


def webhook_pages(emulation: Emulation) -> Blueprint:
    pages = Blueprint("webhook_pages", __name__, template_folder="templates")

    def page(problem: str = "") -> str:
        hooks = [{**dict(hook), "triggers": emulation.hooks.triggers(hook["id"])} for hook in emulation.hooks.every()]
        deliveries = emulation.ledger.query("SELECT * FROM delivery ORDER BY id DESC LIMIT 100")
        return render_template(
            "procore_webhooks.html",
            hooks=hooks,
            deliveries=deliveries,
            projects={project["id"]: project for project in emulation.storage.every("project")},
            formats=FORMATS,
            pending=emulation.deliveries.pending(),
            problem=problem,
        )

    @pages.get("/webhooks")
    def show() -> ResponseReturnValue:
        return page()

    @pages.post("/webhooks")
    def make() -> ResponseReturnValue:
        form = request.form
        project_id = int(form["project_id"]) if form.get("project_id") else None
        company_id = emulation.storage.company_of("project", project_id) if project_id else COMPANY
        wanted = {
            "payload_version": form.get("payload_version"),
            "namespace": form.get("namespace"),
            "destination_url": form.get("destination_url"),
            "destination_headers": {"Authorization": form.get("authorization", "")},
        }
        try:
            with emulation.ledger.writing():
                actor = actor_of(emulation, None, company_id)
                hook = emulation.hooks.create(company_id or COMPANY, project_id, wanted, actor.user_id)
                resource = emulation.switches["draw_requests_name"] if project_id else "Company Vendors"
                for event_type in emulation.hooks.catalogue(project_id)[resource]:
                    emulation.hooks.add_trigger(hook, {"resource_name": resource, "event_type": event_type})
        except HookRefused as error:
            return page(f"{error.field} {error}"), 422
        return redirect("/webhooks", 303)

    @pages.post("/webhooks/<int:hook_id>")
    def change(hook_id: int) -> ResponseReturnValue:
        if request.form.get("action") == "delete":
            emulation.hooks.delete(hook_id)
        elif request.form.get("action") in ("active", "disabled"):
            emulation.hooks.change(hook_id, {"status": request.form["action"]})
        elif request.form.get("action") == "again":
            emulation.deliveries.send_again(int(request.form["delivery_id"]))
        return redirect("/webhooks", 303)

    return pages
