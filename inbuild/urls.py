"""The map of all addresses; the first part of an address names its folder."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView, TemplateView

from accounting.views import activity
from inbuild import demo_mail, health
from invoices.views import approvals
from procore_sync.views import status
from qbd import door

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="invoices:list"), name="home"),
    path("how-it-works/", TemplateView.as_view(template_name="how_it_works.html"), name="how-it-works"),
    path("accounts/", include("companies.account_urls")),
    path("companies/", include("companies.urls")),
    path("", include("companies.notice_urls")),
    path("", include("companies.member_urls")),
    path("invoices/", include("accounting.bulk_urls")),
    path("invoices/", include("invoices.urls")),
    path("procore/", include("procore_sync.page_urls")),
    path("attention/", include("accounting.page_urls")),
    path("status/", status.page, name="status"),
    path("activity/", activity.page, name="activity"),
    path("activity/csv/", activity.download, name="activity-csv"),
    path("settings/approvals/", approvals.page, name="approvals"),
    path("settings/procore/", include("procore_sync.urls")),
    path("settings/accounting/", include("accounting.urls")),
    path("settings/accounting/qbo/", include("qbo.urls")),
    path("settings/accounting/desktop/", include("qbd.urls")),
    path("hooks/procore/", include("procore_sync.hook_urls")),
    path("hooks/intuit/", include("qbo.hook_urls")),
    path("qbwc/<str:key>/", door.receive, name="qbwc"),
    path("staff/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("progressz", health.progressz, name="progressz"),
]

if settings.INBUILD_ENV == "demo":
    urlpatterns.append(path("demo/mail/", demo_mail.mails, name="demo-mail"))

handler400 = "companies.views.bad_request"
handler404 = "companies.views.not_found"
handler403 = "companies.views.forbidden"
handler429 = "companies.views.too_many"  # asked for by allauth
handler500 = "companies.views.server_error"
