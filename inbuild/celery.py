"""The Celery application: a doorbell, never a store of work."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inbuild.settings")

app = Celery("inbuild")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _log_like_the_web(**_: object) -> None:
    from inbuild import logs

    logs.configure()
