from django.urls import path, re_path

from accounting.views import bulk

app_name = "bulk"
urlpatterns = [
    path("bulk/", bulk.ask, name="ask"),
    path("bulk/begin/", bulk.begin, name="begin"),
    path("bulk/<uuid:public_id>/", bulk.run, name="run"),
    re_path(r"^export\.(?P<kind>csv|xlsx)$", bulk.export, name="export"),
]
