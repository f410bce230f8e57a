"""pytest plugin, loaded by `-p tests.figures`: the figures a test saw stand in the log, also those of a worker."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keep one line of figures; it is printed when the test is over, whether it passed or not."""

    def show(line: str) -> None:
        request.node.user_properties.append(("figures", line))

    return show


class Printer:
    """Only the process that hands out the tests speaks to the terminal."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.when != "teardown" or terminal is None:
            return
        for name, line in report.user_properties:
            if name == "figures":
                terminal.write_line(f"\n{report.nodeid.rpartition('::')[2]}: {line}")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Printer(config), "figures-printer")
