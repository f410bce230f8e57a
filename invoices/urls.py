from django.urls import path

from invoices.views import deciding, files, inbox, pages, writing

app_name = "invoices"
urlpatterns = [
    path("", pages.invoice_list, name="list"),
    path("new/", writing.new, name="new"),
    path("inbox/", inbox.page, name="inbox"),
    path("inbox/<uuid:public_id>/file/", files.inbox_file, name="inbox_file"),
    path("inbox/<uuid:public_id>/remove/", inbox.remove, name="inbox_remove"),
    path("<uuid:public_id>/", pages.detail, name="detail"),
    path("<uuid:public_id>/edit/", writing.edit, name="edit"),
    path("<uuid:public_id>/submit/", deciding.submit, name="submit"),
    path("<uuid:public_id>/approve/", deciding.approve, name="approve"),
    path("<uuid:public_id>/reject/", deciding.reject, name="reject"),
    path("<uuid:public_id>/cancel/", deciding.cancel, name="cancel"),
    path("<uuid:public_id>/comment/", pages.comment, name="comment"),
    path("<uuid:public_id>/calls/", pages.calls, name="calls"),
    path("attachments/<uuid:public_id>/", files.attachment, name="attachment"),
]
