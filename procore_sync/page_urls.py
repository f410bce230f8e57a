from django.urls import path

from procore_sync.views import why

app_name = "procore"
urlpatterns = [
    path("why/", why.why, name="why"),
    path("why/compare/", why.compare, name="compare"),
]
