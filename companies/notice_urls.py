from django.urls import path

from companies import notice_views

app_name = "notifications"
urlpatterns = [
    path("notifications/", notice_views.notifications, name="list"),
    path("settings/notifications/", notice_views.settings, name="settings"),
]
