"""What the stories with kills share."""

import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.chaos import forks as forking
from tests.chaos.forks import Forks
from tests.chaos.lending import lend

__all__ = ["lend"]


@pytest.fixture(scope="package")
def zygote() -> Iterator["subprocess.Popen[bytes]"]:
    """Made once, for it imports everything."""
    with forking.zygote() as made:
        yield made


@pytest.fixture
async def forks(zygote: "subprocess.Popen[bytes]") -> AsyncIterator[Forks]:
    """What starts processes."""
    async with forking.forks(zygote) as made:
        yield made
