from django.urls import path

from procore_sync.views import sending, settings

app_name = "procore_sync"
urlpatterns = [
    path("", settings.settings_page, name="settings"),
    path("connect/", settings.connect, name="connect"),
    path("check/", settings.check, name="check"),
    path("invoices/<int:pk>/check/", settings.check_invoice, name="check_invoice"),
    path("disconnect/", settings.disconnect, name="disconnect"),
    path("switch/", settings.switch, name="switch"),
    path("sending/", sending.setting, name="sending"),
    path("sent/<uuid:public_id>/", sending.sent, name="sent"),
    path("sent/<uuid:public_id>/send/", sending.send, name="send"),
    path("sent/<uuid:public_id>/again/", sending.again, name="send_again"),
]
