"""`nines check` on templates: tried on samples always, and on what the database remembers."""

from pathlib import Path

from alerting.store import Decision
from nines.storage.alerts import AlertRecords
from nines.storage.database import migrate, open_database
from tests.nines.cli.running import run
from tests.nines.config.files import SHOP
from tests.nines.storage.builders import a_message, a_notification, an_incident

ALERTING = """
server: {{database: 'sqlite:///{database}'}}
alerting:
  receivers: {{chat: {{teams: {{url: https://teams.example/x, template: {{file: chat.j2}}}}}}}}
  route: {{receivers: [chat]}}
"""


def configured(tmp_path: Path, template: str) -> Path:
    config, database = tmp_path / "config.yaml", tmp_path / "nines.db"
    config.write_text(SHOP.partition("alerting:")[0] + ALERTING.format(database=database))
    (tmp_path / "chat.j2").write_text(template)
    return config


def remember(tmp_path: Path, service: str) -> None:
    database = open_database(f"sqlite:///{tmp_path}/nines.db")
    migrate(database)
    told = a_notification(message=a_message(service=service))
    decision = Decision(incidents=(an_incident(),), notifications=(told,))
    AlertRecords(database).apply(decision, {})
    database.close()


def test_a_mistake_in_a_file_is_named_with_its_line_and_column(tmp_path: Path) -> None:
    ran = run("check", configured(tmp_path, "fine\n\n  {{ alert.slo }}\n"))

    assert ran.code == 2
    assert "chat.j2:3:6: 'alert' is undefined (of incident SAMPLE-TRIGGER, trigger)" in ran.out


def test_what_fits_the_samples_is_tried_on_what_was_said_before(tmp_path: Path) -> None:
    # Only a service of this name meets the mistake.
    config = configured(tmp_path, "{{ text }}\n{% if service == 'odd' %}{{ nosuch }}{% endif %}")
    before = run("check", config)
    remember(tmp_path, "odd")
    after = run("check", config)

    assert (before.code, after.code) == (0, 2)
    assert "receiver chat: chat.j2:2:29: 'nosuch' is undefined (of incident" in after.out


def test_looking_makes_no_database(tmp_path: Path) -> None:
    ran = run("check", configured(tmp_path, "{{ text }}"))

    assert ran.code == 0
    assert not (tmp_path / "nines.db").exists()
