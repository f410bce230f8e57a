"""Starts logging once Django is ready."""

from django.apps import AppConfig


class InbuildConfig(AppConfig):
    name = "inbuild"

    def ready(self) -> None:
        from inbuild import checks, logs  # noqa: F401 - registers the checks

        logs.configure()
