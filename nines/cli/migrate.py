"""`nines migrate`: bring the database's schema up to date."""

from pathlib import Path

import typer

from nines.cli.problems import FINE, NO, WRONG_USE, fail, load_or_none
from nines.storage.database import migrate as bring_up_to_date
from nines.storage.database import open_database, schema_version
from nines.storage.errors import StorageError


def migrate(path: Path) -> int:
    """Migrate the configured database and say from where to where."""
    config = load_or_none(path)
    if config is None:
        return WRONG_USE
    try:
        database = open_database(config.server.database.value)
        try:
            before = schema_version(database)
            bring_up_to_date(database)
            after = schema_version(database)
        finally:
            database.close()
    except StorageError as error:
        return fail(str(error), NO)
    if before == after:
        typer.echo(f"{database.name} is at schema {after}: nothing to do")
    else:
        typer.echo(f"{database.name} went from schema {before or 'none'} to {after}")
    return FINE
