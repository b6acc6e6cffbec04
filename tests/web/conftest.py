"""The application over the fake source, asked without a network."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.web.fakes import NOW, FakeSource
from web.app import create_app
from web.settings import WebSettings


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def settings() -> WebSettings:
    return WebSettings(version="0.1.0", now=lambda: NOW)


@pytest.fixture
async def client(source: FakeSource, settings: WebSettings) -> AsyncIterator[httpx.AsyncClient]:
    """A client on the machine itself; a failure inside arrives as the 500 that it would be."""
    transport = httpx.ASGITransport(
        create_app(source, settings=settings), raise_app_exceptions=False
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as asking:
        yield asking
