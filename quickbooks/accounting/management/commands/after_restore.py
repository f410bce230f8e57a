"""Told by an operator who restored the database from a backup, before workers start."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from accounting import restoring
from accounting.models import Integration


class Command(BaseCommand):
    help = "After restoring the database from a backup, before starting workers: nothing posted since is posted twice."

    def handle(self, *args: Any, **options: Any) -> None:
        # Disconnected ones too: they may be connected again, and what was posted there is still there.
        count = restoring.begin(Integration.objects.all())
        self.stdout.write(f"Bills of {count} QuickBooks wait until their books were read anew. Start the workers now.")
