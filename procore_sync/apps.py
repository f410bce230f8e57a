from django.apps import AppConfig


class ProcoreSyncConfig(AppConfig):
    name = "procore_sync"
