from django.urls import path

from procore_sync.views import settings

app_name = "procore_sync"
urlpatterns = [
    path("", settings.settings_page, name="settings"),
    path("connect/", settings.connect, name="connect"),
    path("check/", settings.check, name="check"),
    path("invoices/<int:pk>/check/", settings.check_invoice, name="check_invoice"),
    path("disconnect/", settings.disconnect, name="disconnect"),
    path("switch/", settings.switch, name="switch"),
]
