from django.urls import path

from accounting.views import attention

app_name = "attention"
urlpatterns = [
    path("", attention.page, name="page"),
    path("go-on/", attention.go_on, name="go_on"),
]
