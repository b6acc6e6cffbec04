"""What alerting logs is kept from the terminal, and a test may look at it."""

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """Log entries as dicts, oldest first."""
    with capture_logs() as entries:
        yield entries
