"""The `needs` marker: a test that uses a system package runs where the package is.

Where it is not, the test is left out and named at the end; with NINES_REQUIRE_PACKAGES set (as
.ci/run does) it fails instead. `slow` tests come last, and always.

With several workers (`make test`) the tests of one file stay together, so that what a file sets up
once is set up once; its slow ones are a group of their own, for they come last.
"""

import os
import shutil
from collections.abc import Generator
from typing import Any

import pytest

# Debian's package -> the command whose presence proves it.
COMMANDS = {
    "chromium": "chromium",
    "mariadb-server": "mariadbd",
    "nginx-light": "nginx",
    "openssh-server": "sshd",
    "prometheus": "promtool",
    "prometheus-alertmanager": "amtool",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "rabbitmq-server": "rabbitmq-server",
    "redis-server": "redis-server",
    "victoria-metrics": "victoria-metrics",
}
_LEFT_OUT = pytest.StashKey[dict[str, list[str]]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run here, and order fast before slow."""
    required = "NINES_REQUIRE_PACKAGES" in os.environ
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    named: dict[str, list[str]] = config.stash.setdefault(_LEFT_OUT, {})
    for item in items:
        lacking = [] if required else _lacking(item)
        for package in lacking:
            named.setdefault(package, []).append(item.nodeid)
        (left_out if lacking else kept).append(item)
    kept.sort(key=_is_slow)
    for item in kept:
        name = f"{item.path} {'slow' if _is_slow(item) else 'fast'}"
        item.add_marker(pytest.mark.xdist_group(name))
    items[:] = kept
    if left_out:
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """With packages required, a missing one is a failure that says what to install."""
    if lacking := _lacking(item):
        pytest.fail(f"install the system package {', '.join(lacking)}", pytrace=False)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the one who started this worker, if it is one, what did not run."""
    told: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left_out"] = session.config.stash.get(_LEFT_OUT, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 xdist's worker, which has no stub
    """Every worker collects all tests, so the last one's account is the whole."""
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what did not run, so that nobody believes it did."""
    left_out = terminalreporter.config.stash.get(_LEFT_OUT, {})
    for package, tests in sorted(left_out.items()):
        terminalreporter.section(f"not run: the system package {package} is not installed")
        for test in tests:
            terminalreporter.line(test)


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _lacking(item: pytest.Item) -> list[str]:
    return [
        package
        for marker in item.iter_markers("needs")
        for package in marker.args
        if shutil.which(COMMANDS[package]) is None
    ]
