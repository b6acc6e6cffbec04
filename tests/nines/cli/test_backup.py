"""`nines backup` and `nines restore`, as typed."""

import json
from pathlib import Path

import pytest

from nines.storage.database import migrate, open_database
from nines.storage.instance import hold
from tests.nines.cli.running import run
from tests.nines.config.files import SHOP


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(SHOP + f"server: {{database: 'sqlite:///{tmp_path}/nines.db'}}\n")
    return file


def test_backups_are_made_and_put_back_whether_a_nines_runs_or_not(
    config: Path, tmp_path: Path
) -> None:
    database = open_database(f"sqlite:///{tmp_path}/nines.db")
    migrate(database)
    held = hold(database)
    try:
        saved = run("backup", tmp_path / "b.db", "--config", config, "--output", "json")
        under_it = run("restore", tmp_path / "b.db", "--config", config, "--force")
    finally:
        held.release()
        database.close()
    done = run("restore", tmp_path / "b.db", "--config", config)

    assert saved.code == 0
    assert set(json.loads(saved.out)) == {"rows", "bytes", "schema"}
    assert under_it.code == 0
    assert done.code == 0
    assert f"holds what {tmp_path}/b.db holds" in done.out


def test_what_cannot_be_backed_up_is_said_in_a_sentence(config: Path, tmp_path: Path) -> None:
    empty = run("backup", tmp_path / "b.db", "--config", config)
    missing = run("restore", tmp_path / "none.db", "--config", config)

    assert (empty.code, missing.code) == (1, 1)
    assert "there is nothing to back up" in empty.err
    assert "is no file" in missing.err


def test_without_a_configuration_the_exit_code_is_2(tmp_path: Path) -> None:
    assert run("backup", tmp_path / "b.db", "--config", tmp_path / "none.yaml").code == 2
