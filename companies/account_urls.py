"""Sign-in, password and two-factor pages, all of django-allauth; sign-up is closed by the adapter."""

from django.urls import include, path

urlpatterns = [path("", include("allauth.account.urls")), path("2fa/", include("allauth.mfa.urls"))]
