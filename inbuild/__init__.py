"""The project: settings, addresses, doors, and the tools that know no business."""

from inbuild.celery import app as celery_app

__all__ = ["celery_app"]
