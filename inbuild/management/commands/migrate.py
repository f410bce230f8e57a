"""Django's `migrate` for a database in use: as long as it takes, and again where somebody's work was in the way."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.commands import migrate
from django.db import OperationalError, connection

IN_THE_WAY = ("40P01", "55P03")  # PostgreSQL: deadlock_detected, lock_not_available
TRIES = 10


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        for left in reversed(range(TRIES)):
            with connection.cursor() as cursor:
                # Pages and work give up after 15 s; making an index of a million rows may take longer.
                cursor.execute("SET statement_timeout = 0")
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if not left or getattr(error.__cause__, "sqlstate", "") not in IN_THE_WAY:
                    raise
                self.stderr.write("Work under way was in the way of a change of tables. Trying again.")
                time.sleep(1)
            else:
                return
