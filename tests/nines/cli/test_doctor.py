"""`nines doctor`, as typed."""

import json
from pathlib import Path

from nines.storage.database import migrate, open_database
from tests.nines.cli.running import run
from tests.nines.config.files import SHOP


def test_a_new_database_is_well_and_one_that_is_empty_is_not(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(SHOP + f"server: {{database: 'sqlite:///{tmp_path}/nines.db'}}\n")

    before = run("doctor", "--config", config, "--output", "json")
    database = open_database(f"sqlite:///{tmp_path}/nines.db")
    migrate(database)
    database.close()
    after = run("doctor", "--config", config)

    assert before.code == 1
    assert [each["check"] for each in json.loads(before.out)["findings"]] == ["config", "schema"]
    assert after.code == 0
    assert "WRONG" not in after.out


def test_a_file_that_is_no_database_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(SHOP + f"server: {{database: 'sqlite:///{tmp_path}/nines.db'}}\n")
    (tmp_path / "nines.db").write_bytes(b"no database" * 999)

    shown = run("doctor", "--config", config, "--output", "json")
    said = run("doctor", "--config", config)

    assert (shown.code, said.code) == (1, 1)
    assert json.loads(shown.out)["ok"] is False
    assert "is no SQLite database" in said.err


def test_without_a_configuration_the_exit_code_is_2(tmp_path: Path) -> None:
    assert run("doctor", "--config", tmp_path / "none.yaml").code == 2
