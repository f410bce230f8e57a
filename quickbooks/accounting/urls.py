from django.urls import path, re_path

from accounting import views

app_name = "accounting"
urlpatterns = [
    path("", views.integrations, name="integrations"),
    path("<int:pk>/accounts/", views.save_accounts, name="accounts"),
    path("<int:pk>/refresh/", views.refresh_lists, name="refresh"),
    path("bills/<uuid:public_id>/", views.bill_status, name="bill"),
    re_path(r"^bills/(?P<public_id>[0-9a-f-]{36})/change/(?P<action>again|keep)/$", views.change, name="change"),
    re_path(
        r"^bills/(?P<public_id>[0-9a-f-]{36})/(?P<action>retry|sync_anyway|skip|as_credit|as_bill|post_on_open_day)/$",
        views.act,
        name="act",
    ),
]
