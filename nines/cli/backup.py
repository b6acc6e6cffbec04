"""`nines backup` and `nines restore`: everything into one file, and back."""

import json
from collections.abc import Callable
from pathlib import Path

import typer

from nines.cli.problems import FINE, NO, WRONG_USE, fail, load_or_none
from nines.storage.backup import Copied, back_up
from nines.storage.backup import restore as put_back
from nines.storage.database import Database, open_database
from nines.storage.errors import StorageError


def backup(config: Path, file: Path, *, force: bool, as_json: bool) -> int:
    """Write the configured database into `file`, running or not."""
    return _copy(
        config,
        lambda database: back_up(database, file, replace=force),
        f"{{database}} is in {file}",
        as_json=as_json,
    )


def restore(config: Path, file: Path, *, force: bool, as_json: bool) -> int:
    """Put `file` in place of what the configured database holds, running or not."""
    return _copy(
        config,
        lambda database: put_back(file, database, replace=force),
        f"{{database}} holds what {file} holds",
        as_json=as_json,
    )


def _copy(path: Path, work: Callable[[Database], Copied], said: str, *, as_json: bool) -> int:
    config = load_or_none(path)
    if config is None:
        return WRONG_USE
    try:
        database = open_database(config.server.database.value)
        try:
            copied = work(database)
        finally:
            database.close()
    except StorageError as error:
        return fail(str(error), NO)
    if as_json:
        typer.echo(json.dumps({"rows": copied.rows, "bytes": copied.size, "schema": copied.schema}))
    else:
        typer.echo(
            f"{said.format(database=database.name)}: {copied.rows:,} rows,"
            f" {copied.size / 1e6:.1f} MB, schema {copied.schema}"
        )
    return FINE
