from django.apps import AppConfig


class QbdConfig(AppConfig):
    name = "qbd"
