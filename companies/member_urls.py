from django.urls import path

from companies import joining_views, member_views, session_views

app_name = "members"
urlpatterns = [
    path("settings/members/", member_views.members, name="list"),
    path("settings/members/leave/", member_views.leave, name="leave"),
    path("settings/members/<int:pk>/role/", member_views.change_role, name="role"),
    path("settings/members/<int:pk>/remove/", member_views.remove, name="remove"),
    path("settings/members/invited/<int:pk>/again/", member_views.send_again, name="send_again"),
    path("settings/members/invited/<int:pk>/withdraw/", member_views.withdraw, name="withdraw"),
    path("invitations/<str:token>/", joining_views.invitation, name="invitation"),
    path("sessions/", session_views.my_sessions, name="sessions"),
    path("sessions/end-others/", session_views.end_others, name="end_others"),
    path("sessions/<int:pk>/end/", session_views.end_session, name="end_session"),
]
