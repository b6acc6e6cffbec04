"""A database belongs to one running Nines."""

import pytest

from nines.storage.database import Database, migrate, open_database
from nines.storage.errors import StorageError
from nines.storage.instance import hold


def test_a_second_nines_is_refused_while_the_first_one_runs(
    database: Database, database_url: str
) -> None:
    held = hold(database)
    second = open_database(database_url)

    with pytest.raises(StorageError, match=r"Another Nines .*already"):
        hold(second)

    held.release()
    second.close()


def test_it_is_free_again_once_the_first_one_ended(database: Database) -> None:
    hold(database).release()

    hold(database).release()


def test_who_holds_a_database_can_migrate_it(database: Database) -> None:
    held = hold(database)

    migrate(database)

    held.release()
