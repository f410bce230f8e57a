from django.urls import path

from qbo import webhooks

urlpatterns = [path("", webhooks.receive, name="intuit-hook")]
