from django.apps import AppConfig


class QboConfig(AppConfig):
    name = "qbo"
