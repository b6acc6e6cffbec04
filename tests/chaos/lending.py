"""A fresh database of either kind, for processes of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from nines.storage.database import migrate, open_database

Lend: TypeAlias = Callable[[str, Path], str]


def address_of(url: str) -> str:
    """As a configuration has it."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def sqlite_in(folder: Path) -> str:
    """A file with the newest schema and no rows."""
    address = f"sqlite:///{folder / 'nines.db'}"
    database = open_database(address)
    migrate(database)
    database.close()
    return address


@pytest.fixture
def lend(request: pytest.FixtureRequest) -> Iterator[Lend]:
    """`lend(kind, folder)` is the address of a migrated database without a row."""
    lent: list[str] = []

    def one(kind: str, folder: Path) -> str:
        if kind == "sqlite":
            return sqlite_in(folder)
        server = request.getfixturevalue("postgres")
        lent.append(server.lend())
        return address_of(server.url(lent[-1]))

    yield one
    for name in lent:
        request.getfixturevalue("postgres").drop(name)
