"""A database opens, is migrated and fails with sentences."""

import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from nines.storage.database import Database, migrate, open_database, schema_version
from nines.storage.errors import StorageError
from nines.storage.schema import metadata

NEWEST = "0025"


def test_migrations_from_nothing_make_the_tables_that_the_code_knows(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)

    assert differences == []


def test_an_empty_database_has_no_version_and_a_migrated_one_does(empty_database_url: str) -> None:
    database = open_database(empty_database_url)
    before = schema_version(database)
    migrate(database)
    after = schema_version(database)
    database.close()

    assert before is None
    assert after == NEWEST


def test_migrating_twice_changes_nothing(database: Database) -> None:
    migrate(database)

    assert schema_version(database) == NEWEST


def test_a_newer_schema_is_refused_in_a_sentence(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StorageError, match=r"written by a newer Nines \(schema 9999"):
        migrate(database)


def test_a_migration_that_fails_leaves_nothing(empty_database_url: str) -> None:
    database = open_database(empty_database_url)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE handles (stray INTEGER)"))

    with pytest.raises(StorageError, match="handles"):
        migrate(database)

    with database.write() as connection:
        connection.execute(text("DROP TABLE handles"))
    assert schema_version(database) is None
    migrate(database)
    assert schema_version(database) == NEWEST
    database.close()


def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    databases = [open_database(empty_database_url) for _ in range(3)]
    failures: list[StorageError] = []

    def run(database: Database) -> None:
        try:
            migrate(database)
        except StorageError as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert schema_version(databases[0]) == NEWEST
    for database in databases:
        database.close()


def test_nothing_is_kept_of_a_transaction_that_raises(database: Database) -> None:
    def write_and_fail() -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO flushes (batch_id) VALUES ('a')"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()

    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM flushes")).scalar() == 0


def test_a_reader_keeps_its_moment_while_another_writes(database: Database) -> None:
    count = text("SELECT count(*) FROM flushes")
    with database.read() as reader:
        before = reader.execute(count).scalar()
        with database.write() as writer:
            writer.execute(text("INSERT INTO flushes (batch_id) VALUES ('a')"))
        during = reader.execute(count).scalar()
    with database.read() as reader:
        after = reader.execute(count).scalar()

    assert (before, during, after) == (0, 0, 1)


def test_sqlite_survives_a_power_cut_and_enforces_references(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/nines.db")
    with database.read() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()

    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def test_a_new_sqlite_file_is_its_owners_alone_and_one_that_is_there_stays(tmp_path: Path) -> None:
    for name in ("new.db", "old.db"):
        file = tmp_path / name
        if name == "old.db":
            file.touch()
            file.chmod(0o640)
        database = open_database(f"sqlite:///{file}")
        migrate(database)
        modes = {one.stat().st_mode & 0o777 for one in tmp_path.glob(f"{name}*")}
        database.close()

        assert modes == ({0o600} if name == "new.db" else {0o640})


def test_a_folder_that_does_not_exist_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"the folder {tmp_path}/no/such does not exist"):
        open_database(f"sqlite:///{tmp_path}/no/such/nines.db")

    assert list(tmp_path.iterdir()) == []


def test_a_locked_sqlite_file_is_said_to_be_locked(tmp_path: Path) -> None:
    file = tmp_path / "nines.db"
    database = open_database(f"sqlite:///{file}", busy_seconds=0.05)
    holder = sqlite3.connect(file)
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageError, match="another process held it for too long"):
        migrate(database)

    holder.close()
    database.close()


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "nines.db"
    file.write_bytes(b"# not a database, whatever its name says\n" * 50)

    with pytest.raises(StorageError, match="the file is no SQLite database"):
        open_database(f"sqlite:///{file}")


def test_a_file_where_the_folder_should_be_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")

    with pytest.raises(StorageError, match=f"the folder {tmp_path}/var does not exist"):
        open_database(f"sqlite:///{tmp_path}/var/nines.db")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        pytest.param("nines.db", "cannot be read; it looks like", id="no address"),
        pytest.param("mysql://localhost/nines", "mysql is not a database", id="another database"),
        pytest.param("sqlite://", "names no file", id="sqlite in memory"),
        pytest.param("sqlite:///:memory:", "names no file", id="sqlite in memory by name"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(StorageError, match=sentence):
        open_database(url)


def test_a_server_that_refuses_is_named_without_its_password() -> None:
    with pytest.raises(StorageError) as caught:
        open_database("postgresql+psycopg://nines:hunter2@127.0.0.1:1/nines")

    assert "nines:***@127.0.0.1:1/nines" in str(caught.value)
    assert "hunter2" not in str(caught.value)
