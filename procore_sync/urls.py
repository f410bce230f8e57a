from django.urls import path

from procore_sync.views import files, following, oauth, payments, review, sending, settings

app_name = "procore_sync"
urlpatterns = [
    path("", settings.settings_page, name="settings"),
    path("connect/", settings.connect, name="connect"),
    path("user/", oauth.authorize, name="authorize"),
    path("callback/", oauth.callback, name="callback"),
    path("check/", settings.check, name="check"),
    path("check/progress/", settings.progress, name="progress"),
    path("secret/", settings.rotate_secret, name="rotate_secret"),
    path("invoices/<int:pk>/check/", settings.check_invoice, name="check_invoice"),
    path("invoices/<uuid:public_id>/keep/", following.keep, name="keep"),
    path("invoices/<uuid:public_id>/update/", following.update_bill, name="update_bill"),
    path("invoices/<uuid:public_id>/delete/", following.delete_bill, name="delete_bill"),
    path("files/<int:pk>/retry/", files.retry, name="retry_file"),
    path("disconnect/", settings.disconnect, name="disconnect"),
    path("switch/", settings.switch, name="switch"),
    path("sending/", sending.setting, name="sending"),
    path("payments/", payments.setting, name="payments"),
    path("payments/<int:pk>/again/", payments.again, name="tell_again"),
    path("sent/<uuid:public_id>/", sending.sent, name="sent"),
    path("sent/<uuid:public_id>/send/", sending.send, name="send"),
    path("sent/<uuid:public_id>/again/", sending.again, name="send_again"),
    path("approved-as-noted/", settings.approved_as_noted, name="approved_as_noted"),
    path("review/", review.review, name="review"),
    path("review/selection/", review.selection, name="review_selection"),
    path("review/import/", review.import_chosen, name="review_import"),
    path("review/dismiss/", review.dismiss, name="review_dismiss"),
    path("review/imports/", review.imports, name="review_imports"),
    path("review/preview/", review.preview, name="review_preview"),
    path("review/count/", review.count_again, name="review_count"),
]
