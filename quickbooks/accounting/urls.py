from django.urls import path, re_path

from accounting.views import bills, duplicate, integrations, mapping, mapping_file, projects, setup

app_name = "accounting"
urlpatterns = [
    path("", integrations.integrations, name="integrations"),
    path("setup/", setup.begin, name="setup"),
    path("setup/<slug:step>/", setup.one_step, name="setup_step"),
    path("<int:pk>/pause/", integrations.pause, name="pause"),
    path("<int:pk>/check/", integrations.check, name="check"),
    path("<int:pk>/refresh/", integrations.refresh_lists, name="refresh"),
    path("<int:pk>/waiting/<str:deed>/", integrations.waiting_bills, name="waiting"),
    path("projects/", projects.projects, name="projects"),
    path("mapping/", mapping.page, name="mapping"),
    path("mapping/save/", mapping.save, name="map"),
    path("mapping/download/", mapping_file.download, name="mapping_download"),
    path("mapping/upload/", mapping_file.upload, name="mapping_upload"),
    path("mapping/apply/", mapping_file.apply, name="mapping_apply"),
    path("mapping/offered/", mapping.offered, name="offered"),
    path("files/<int:pk>/retry/", bills.retry_file, name="retry_file"),
    path("bills/<uuid:public_id>/", bills.bill_status, name="bill"),
    path("bills/<uuid:public_id>/duplicate/", duplicate.compare, name="duplicate"),
    path("bills/<uuid:public_id>/link/", duplicate.link, name="link"),
    path("bills/<uuid:public_id>/mark/", duplicate.mark, name="mark"),
    path("bills/<uuid:public_id>/unlink/", duplicate.unlink, name="unlink"),
    path("bills/<uuid:public_id>/books/<str:deed>/", bills.in_books, name="in_books"),
    path("bills/<uuid:public_id>/resync/", bills.resync, name="resync"),
    re_path(r"^bills/(?P<public_id>[0-9a-f-]{36})/change/(?P<action>again|keep)/$", bills.change, name="change"),
    re_path(
        r"^bills/(?P<public_id>[0-9a-f-]{36})/"
        r"(?P<action>retry|sync_anyway|skip|hold|as_credit|as_bill|post_on_open_day|take_up)/$",
        bills.act,
        name="act",
    ),
]
