from django.urls import path

from procore_sync.views import completeness, why

app_name = "procore"
urlpatterns = [
    path("why/", why.why, name="why"),
    path("why/compare/", why.compare, name="compare"),
    path("completeness/", completeness.page, name="completeness"),
    path("completeness/check/", completeness.check, name="check_month"),
    path("completeness/csv/", completeness.download, name="completeness_csv"),
]
