from django.urls import path

from procore_sync import webhooks

urlpatterns = [path("<str:key>/", webhooks.receive, name="procore-hook")]
