"""A service is added to a configuration, and no other line of it changes."""

import stat
from pathlib import Path

import pytest

from nines.config import load
from nines.config.adding import CannotAddError, with_service
from nines.config.document import read_yaml
from nines.config.saving import CannotSaveError, add_service, write
from tests.nines.config.files import SHOP, load_text

ROOT = Path(__file__).parents[3]
NEW = """\
pets:
  collectors:
    home: {http: "https://pets.example/"}
  slos:
    availability: {objective: 99.5%, window: 28d, sli: {probe: home}}
"""
PETS = read_yaml(NEW.encode(), "")[0].data["pets"]
WRITTEN = {
    "nothing": "",
    "comments alone": "# To be written.\n",
    "no end of line": "server: {bucket: 10s}",
    "no services": "server:\n  bucket: 10s\n\n\n",
    "an empty key": "services:\n# below\nserver: {bucket: 10s}\n",
    "braces without anything": "services: {}  # none yet\nserver: {bucket: 10s}\n",
    "in the middle": "services:\n    shop:\n        title: Shop  # mine\n\n# Then:\nserver: {}\n",
    "comments that belong to the last one": (
        "services:\n  shop:\n    title: Shop\n    # slos: later\n  # another: soon\n\n"
        "# the server\nserver: {}\n"
    ),
    "a block at the end": "services:\n  shop:\n    title: |\n      Shop\n      two\n",
    "braces inside": "services:\n  shop: {\n    title: Shop\n  }\nserver: {}\n",
    "an alias at the end": (
        "x-labels: &labels {env: prod}\nservices:\n  shop:\n    labels: *labels\nserver: {}\n"
    ),
    "lines of Windows": "services:\r\n  shop:\r\n    title: Shop\r\nserver: {}\r\n",
}


def lines_of(text: str) -> list[str]:
    """Without what an empty mapping was written as, and the spaces at the end."""
    return [line.replace("services: {}", "services:").rstrip() for line in text.split("\n")]


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_every_line_stays_and_the_service_is_there(text: str) -> None:
    made = with_service(text, "pets", NEW, "c.yaml")

    document, problems = read_yaml(made.encode(), "c.yaml")
    assert problems == []
    before = read_yaml(text.encode(), "c.yaml")[0].data or {}
    services = {**(before.get("services") or {}), "pets": PETS}
    assert document.data == {**before, "services": services}
    left = lines_of(made)
    for line in filter(None, lines_of(text)):
        assert line in left
        left = left[left.index(line) + 1 :]


@pytest.mark.parametrize(
    "file", ["config.yaml", *sorted(map(str, ROOT.glob("examples/**/*.yaml")))]
)
def test_every_example_takes_one_more(file: str) -> None:
    text = (ROOT / file).read_text()
    before = read_yaml(text.encode(), file)[0].data
    if "services" not in before and "server" not in before:
        return  # a file of modules, or of targets
    made = with_service(text, "pets", NEW, file)

    lines = made.split("\n")
    first = lines.index(next(line for line in lines if line.strip() == "pets:"))
    new = {first + number for number in range(NEW.count("\n"))}
    rest = [line for number, line in enumerate(lines) if number not in new]
    assert [line for line in rest if line.strip()] == [
        line for line in text.split("\n") if line.strip()
    ]


def test_a_comment_of_the_last_service_stays_with_it() -> None:
    made = with_service(WRITTEN["comments that belong to the last one"], "pets", NEW, "c.yaml")

    assert made.index("# another: soon") < made.index("pets:") < made.index("# the server")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("services: {shop: {title: Shop}}\n", "lines below each other at c.yaml:1:11"),
        ("{services: {}}\n", "in braces"),
        ("services:\n  pets: {title: Pets}\n", "a service pets at c.yaml:2:3"),
        ("services:\n  shop: {title: a, title: b}\n", "a mistake already: c.yaml:2:"),
        ("x-all: &all\n  shop: {title: S}\nservices: *all\n", "lines below each other"),
        ("server: {}\n...\n", "cannot be added to"),
        ("- a\n", "not a mapping"),
    ],
)
def test_what_cannot_be_added_to_is_said_with_its_place(text: str, why: str) -> None:
    with pytest.raises(CannotAddError, match=why.replace(".", r"\.")):
        with_service(text, "pets", NEW, "c.yaml")


def save(path: Path, lines: str = NEW, service: str = "pets") -> None:
    now = load(path, {}, instead={} if path.exists() else {path: b"server: {}\n"})
    write(add_service(path, service, lines, now=now, environ={}, found={}))


def test_a_file_keeps_its_mode_and_is_never_half_there(tmp_path: Path) -> None:
    load_text(tmp_path, "# ours\n" + SHOP)
    file = tmp_path / "config.yaml"
    file.chmod(0o604)

    save(file)

    assert file.read_text().startswith("# ours\nservices:\n  shop:\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o604
    assert [slo.id for slo in load(file, {}).slos][-1] == "pets/availability"
    assert [one.name for one in tmp_path.iterdir()] == ["config.yaml"]


def test_where_there_was_no_file_there_is_one_that_only_we_read(tmp_path: Path) -> None:
    save(tmp_path / "config.yaml")

    assert load(tmp_path / "config.yaml", {}).slos[0].id == "pets/availability"
    assert stat.S_IMODE((tmp_path / "config.yaml").stat().st_mode) & 0o007 == 0


def test_a_directory_gets_a_file_of_its_own(tmp_path: Path) -> None:
    load_text(tmp_path, SHOP)
    before = (tmp_path / "config.yaml").read_bytes()

    save(tmp_path)

    assert (tmp_path / "config.yaml").read_bytes() == before
    assert {slo.service for slo in load(tmp_path, {}).slos} == {"shop", "pets"}
    with pytest.raises(CannotSaveError, match=r"pets\.yaml already"):
        save(tmp_path)


def test_what_would_make_no_sense_is_not_written_and_has_its_place(tmp_path: Path) -> None:
    load_text(tmp_path, SHOP)
    file = tmp_path / "config.yaml"
    before = file.read_bytes()

    with pytest.raises(CannotSaveError, match=r"config\.yaml:\d+:\d+: .*objective"):
        save(file, NEW.replace("99.5%", "100%"))
    assert file.read_bytes() == before


def test_what_was_edited_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    now = load_text(tmp_path, SHOP)
    file = tmp_path / "config.yaml"
    addition = add_service(file, "pets", NEW, now=now, environ={}, found={})
    file.write_text(SHOP + "# an edit\n")

    with pytest.raises(CannotSaveError, match="changed by somebody else"):
        write(addition)
    assert file.read_text() == SHOP + "# an edit\n"
    assert [one.name for one in tmp_path.iterdir()] == ["config.yaml"]


def test_what_needs_a_restart_is_not_taken_along(tmp_path: Path) -> None:
    now = load_text(tmp_path, SHOP)
    file = tmp_path / "config.yaml"
    file.write_text("server: {bucket: 5s}\n" + SHOP)

    with pytest.raises(CannotSaveError, match="bucket changed: restart"):
        add_service(file, "pets", NEW, now=now, environ={}, found={})


def test_a_link_is_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    load_text(tmp_path / "real", SHOP)
    link = tmp_path / "config.yaml"
    link.symlink_to(tmp_path / "real" / "config.yaml")

    with pytest.raises(CannotSaveError, match="a link to a file"):
        save(link)
