"""`nines doctor`: examine the configuration and the database."""

import json
from datetime import UTC, datetime
from pathlib import Path

import typer

from nines.cli.problems import FINE, NO, WRONG_USE, fail, load_or_none
from nines.storage.database import open_database
from nines.storage.doctor import Finding, examine
from nines.storage.errors import StorageError


def doctor(path: Path, *, as_json: bool) -> int:
    """Print what every check found; 1 when something is wrong, 2 without a configuration."""
    config = load_or_none(path)
    if config is None:
        return WRONG_USE
    findings = [Finding("config", ok=True, sentence=f"{path}: {len(config.slos)} SLOs.")]
    try:
        database = open_database(config.server.database.value)
        try:
            now = datetime.now(UTC)
            findings += examine(database, now, config.server.retention.detail)
        finally:
            database.close()
    except StorageError as error:
        if not as_json:
            return fail(str(error), NO)
        findings.append(Finding("database", ok=False, sentence=str(error)))
    wrong = [finding for finding in findings if not finding.ok]
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "ok": not wrong,
                    "findings": [
                        {"check": each.check, "ok": each.ok, "sentence": each.sentence}
                        for each in findings
                    ],
                },
                indent=2,
            )
        )
    else:
        for each in findings:
            typer.echo(f"{'ok   ' if each.ok else 'WRONG'} {each.check:9} {each.sentence}")
    return NO if wrong else FINE
