"""The Celery application: a doorbell, never a store of work."""

import os
from typing import Any

from celery import Celery
from celery.signals import (
    beat_init,
    before_task_publish,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_ready,
    worker_shutting_down,
)
from kombu.transport import redis

from inbuild.memory import keep_what_is_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inbuild.settings")


class DoorbellChannel(redis.Channel):
    """Leaves the messages of a lost connection alone: the sweep rings again.

    kombu 5.7 would put back those that a worker has taken and not begun, and acknowledge those it has, over the
    connection that is gone; either error ends the worker (tests/promises/test_i06_losing_redis_loses_nothing.py).
    """

    do_restore = False

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        if not self.closed:
            super().basic_ack(delivery_tag, multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if not self.closed:
            super().basic_reject(delivery_tag, requeue)


redis.Transport.Channel = DoorbellChannel

app = Celery("inbuild")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _log_like_the_web(**_: object) -> None:
    from inbuild import logs

    logs.configure()


@task_prerun.connect
def _take_down_the_bell(*, task: Any, kwargs: dict[str, Any], **_: object) -> None:
    from inbuild import queue

    if company_id := kwargs.get("company_id"):
        queue.heard(task.name, company_id)


RING = "accounting.sweep"


@beat_init.connect
def _beat_is_heard_of(**_: object) -> None:
    before_task_publish.connect(_beat_rings, sender=RING, weak=False)


def _beat_rings(**_: object) -> None:
    from django.db import close_old_connections

    from inbuild import pulse

    close_old_connections()
    pulse.beat(pulse.BEAT)


@task_postrun.connect
def _the_ring_has_arrived(*, task: Any, **_: object) -> None:
    from inbuild import pulse

    if task.name == RING:
        pulse.beat(pulse.RING)


@worker_ready.connect
def _worker_has_loaded(**_: object) -> None:
    keep_what_is_loaded()


@worker_ready.connect
def _worker_is_heard_of(*, sender: Any, **_: object) -> None:
    from inbuild import pulse

    heart = pulse.Heart(f"{pulse.WORKER}{sender.hostname}")
    heart.start()
    worker_shutting_down.connect(lambda **_: heart.stop(), weak=False)
