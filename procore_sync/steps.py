"""How each step of looking at a connection ended, in the admin's words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from procore_sync.client import Forbidden, ProcoreError
from procore_sync.models import ProcoreIntegration, ProcoreProject
from procore_sync.projects import Known

State = Literal["ok", "warn", "bad"]


class Step(TypedDict):
    name: str
    state: State
    words: str


SIGN_IN, COMPANY, PROJECTS, RESOURCES = "sign_in", "company", "projects", "resources"
HOOKS, READING, NO_ANSWER = "hooks", "reading", "no_answer"
LABELS = {
    SIGN_IN: "Sign-in",
    COMPANY: "Company",
    PROJECTS: "Projects",
    RESOURCES: "Webhook resources",
    HOOKS: "Webhooks",
    READING: "Reading invoices",
    NO_ANSWER: "Answers",
}
ALL_WELL = "Procore answers, and every project has its webhook."
NAMED = 5

NOT_IN_COMPANY = (
    "Procore does not let inBuild into this company. In Procore open Company Admin, App Management, and install or "
    "connect the inBuild app again. Nothing need be entered here."
)
NO_COMPANY = "This sign-in cannot see the Procore company any more. Connect again with credentials of this company."
NO_PROJECTS_RESOURCE = (
    "Procore's list of webhook resources has no Projects, so new and closed projects are noticed once a day only."
)


def sign_in(integration: ProcoreIntegration, me: Mapping[str, Any]) -> Step:
    name = own_user(me)["own_user_name"]
    as_whom = f" as {name}" if name else ""
    return Step(name=SIGN_IN, state="ok", words=f"Procore accepts the sign-in{as_whom}.")


def own_user(me: Mapping[str, Any]) -> dict[str, Any]:
    """Whom Procore takes inBuild for."""
    known = me.get("id")
    name = me.get("name") or me.get("login") or ""
    return {"own_user_id": known if type(known) is int else None, "own_user_name": str(name)[:255]}


def company(integration: ProcoreIntegration, name: str | None) -> Step:
    if name is None:
        return Step(name=COMPANY, state="bad", words=NO_COMPANY)
    return Step(name=COMPANY, state="ok", words=f"{name or integration.procore_company_id} was found.")


def listed(known: Known) -> Step:
    if not known.permitted:
        words = (
            "Procore shows inBuild no project. In Procore open Company Admin, App Management, the inBuild app, and "
            "choose its permitted projects."
        )
        return Step(name=PROJECTS, state="bad", words=words)
    words = f"{_count(known.permitted, 'project is', 'projects are')} permitted."
    if not known.withdrawn:
        return Step(name=PROJECTS, state="ok", words=words)
    return Step(name=PROJECTS, state="warn", words=f"{words} No longer permitted: {_names(known.withdrawn)}.")


def resources(missing: Sequence[str]) -> Step:
    if not missing:
        words = "Procore can announce changes of subcontractor invoices and direct costs."
        return Step(name=RESOURCES, state="ok", words=words)
    words = (
        f"Procore's list of webhook resources has no {' and no '.join(missing)}, so Procore does not announce these "
        "changes. inBuild finds them by looking every few minutes."
    )
    return Step(name=RESOURCES, state="warn", words=words)


def hooked(integration: ProcoreIntegration, projects: Sequence[ProcoreProject]) -> Step:
    """One in each open project, and the company's."""
    lacking = [project for project in projects if project.hook_problem or not project.hook_id]
    if lacking:
        words = f"{len(lacking)} of {_count(len(projects), 'project', 'projects')} have no working webhook: "
        return Step(name=HOOKS, state="bad", words=f"{words}{_names([str(each) for each in lacking])}.")
    if integration.company_hook_problem:
        return Step(name=HOOKS, state="warn", words=integration.company_hook_problem)
    words = f"{_count(len(projects), 'project has', 'projects have')} a webhook, and so has the company."
    return Step(name=HOOKS, state="ok", words=words)


def permitted(projects: Sequence[ProcoreProject]) -> Step:
    """The trial reads."""
    refused = [project for project in projects if project.problem]
    if refused:
        names = _names([str(each) for each in refused])
        words = (
            f"inBuild cannot read invoices in {len(refused)} of {len(projects)} projects: {names}. "
            "What to do stands beside each."
        )
        return Step(name=READING, state="bad", words=words)
    words = f"inBuild can read invoices in {_count(len(projects), 'project', 'projects')}."
    return Step(name=READING, state="ok", words=words)


def no_answer(project: ProcoreProject) -> Step:
    words = f"Procore gave no answer about some projects, the last of them {project}. inBuild asks again by itself."
    return Step(name=NO_ANSWER, state="warn", words=words)


def broken_off(done: Sequence[Step], why: str) -> Step:
    """The step that could not be taken, because of which the others were not tried."""
    ended = {step["name"] for step in done}
    name = next((name for name in LABELS if name not in ended), NO_ANSWER)
    return Step(name=name, state="bad", words=why)


def summary(done: Sequence[Step]) -> str:
    """The first that ended badly; empty when all is well."""
    return next((step["words"] for step in in_order(done) if step["state"] == "bad"), "")


def in_order(done: Sequence[Step]) -> list[Step]:
    order = list(LABELS)
    return sorted((step for step in done if step["name"] in LABELS), key=lambda step: order.index(step["name"]))


def not_permitted(integration: ProcoreIntegration, project: ProcoreProject) -> str:
    """The sentence for a 403: which project, and what to do where."""
    if integration.grant == ProcoreIntegration.Grant.USER:
        who = integration.own_user_name or "the Procore user"
        do = f"Give {who} permission for its Commitments tool in Procore, then press Test connection."
    else:
        do = (
            "Add it to the app's permitted projects in Procore (Company Admin, App Management), with Commitments: "
            "Admin, then press Test connection."
        )
    return f"Procore does not let inBuild read invoices in {str(project)[:100]}. {do}"


def why_no_hook(integration: ProcoreIntegration, project: ProcoreProject | None, why: ProcoreError) -> str:
    where = str(project)[:100] if project else "the company"
    if isinstance(why, Forbidden):
        return (
            f"Procore does not let inBuild keep a webhook in {where}. Give inBuild Webhooks API: Standard there. Until "
            "then inBuild looks for changes every few minutes."
        )
    return str(why)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
