"""The `needs` marker: a test that uses a system package runs where the package is.

Where it is not, the test is left out and named at the end; with NINES_REQUIRE_PACKAGES set (as
.ci/run does) it fails instead. `slow` tests come last, and always.
"""

import os
import shutil
from collections.abc import Generator

import pytest

# Debian's package -> the command whose presence proves it.
COMMANDS = {
    "chromium": "chromium",
    "mariadb-server": "mariadbd",
    "openssh-server": "sshd",
    "prometheus": "promtool",
    "prometheus-alertmanager": "amtool",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "rabbitmq-server": "rabbitmq-server",
    "redis-server": "redis-server",
    "victoria-metrics": "victoria-metrics",
}
_LEFT_OUT: dict[str, list[str]] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run here, and order fast before slow."""
    required = "NINES_REQUIRE_PACKAGES" in os.environ
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        lacking = [] if required else _lacking(item)
        for package in lacking:
            _LEFT_OUT.setdefault(package, []).append(item.nodeid)
        (left_out if lacking else kept).append(item)
    kept.sort(key=lambda item: item.get_closest_marker("slow") is not None)
    items[:] = kept
    if left_out:
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """With packages required, a missing one is a failure that says what to install."""
    if lacking := _lacking(item):
        pytest.fail(f"install the system package {', '.join(lacking)}", pytrace=False)
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what did not run, so that nobody believes it did."""
    for package, tests in sorted(_LEFT_OUT.items()):
        terminalreporter.section(f"not run: the system package {package} is not installed")
        for test in tests:
            terminalreporter.line(test)


def _lacking(item: pytest.Item) -> list[str]:
    return [
        package
        for marker in item.iter_markers("needs")
        for package in marker.args
        if shutil.which(COMMANDS[package]) is None
    ]
