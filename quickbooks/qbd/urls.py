from django.urls import path, re_path

from qbd import views

app_name = "qbd"
urlpatterns = [
    path("add/", views.add, name="add"),
    path("<int:pk>/", views.set_up, name="set_up"),
    path("<int:pk>/progress/", views.progress, name="progress"),
    path("<int:pk>/file/", views.qwc_file, name="qwc"),
    path("<int:pk>/password/", views.new_password, name="password"),
    path("<int:pk>/disconnect/", views.disconnect, name="disconnect"),
    path("<int:pk>/reconnect/", views.reconnect, name="reconnect"),
    path("<int:pk>/sessions/", views.session_log, name="sessions"),
    path("sessions/<int:pk>/", views.one_session, name="session"),
    re_path(r"^exchanges/(?P<pk>[0-9]{1,18})/(?P<side>sent|received)/$", views.exchange_text, name="exchange"),
]
