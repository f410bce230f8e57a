from django.urls import path

from procore_sync import views

app_name = "procore_sync"
urlpatterns = [
    path("", views.settings_page, name="settings"),
    path("connect/", views.connect, name="connect"),
    path("check/", views.check, name="check"),
    path("invoices/<int:pk>/check/", views.check_invoice, name="check_invoice"),
    path("disconnect/", views.disconnect, name="disconnect"),
    path("switch/", views.switch, name="switch"),
]
