"""Sign-in, password and two-factor pages, all of django-allauth; sign-up is closed by the adapter."""

from django.urls import include, path

from companies import views

# An e-mail address is what an invitation was sent to: nobody adds or changes one by themselves, and nobody signs in
# by a code. allauth looks these names up, so they stay; behind them is nothing.
CLOSED = [
    path("email/", views.closed, name="account_email"),
    path("confirm-email/", views.closed, name="account_email_verification_sent"),
    path("confirm-email/<str:key>/", views.closed, name="account_confirm_email"),
    path("password/set/", views.closed, name="account_set_password"),
    path("login/code/confirm/", views.closed, name="account_confirm_login_code"),
]

urlpatterns = [*CLOSED, path("", include("allauth.account.urls")), path("2fa/", include("allauth.mfa.urls"))]
