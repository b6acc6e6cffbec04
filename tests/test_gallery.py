"""Every page that a person can open has its picture in docs/pages.md, in both themes."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from starlette.routing import compile_path

from scripts import gallery
from scripts.small import keep
from tests.web.test_access_table import ROUTES

DOCS = Path(__file__).parents[1] / "docs"
IMAGES = DOCS / "images"
MOST_BYTES = 3_000_000
PAGES = {path for method, path in ROUTES if method == "GET" and not path.startswith("/api/")}
SHOWN = {one.route for one in gallery.PICTURES} - {""}


def test_every_page_has_a_picture_or_a_reason_why_not() -> None:
    missing = sorted(PAGES - SHOWN - gallery.NOT_SHOWN.keys())

    assert missing == [], f"add them to scripts/gallery.py: {missing}"


def test_no_picture_and_no_reason_is_of_a_page_that_is_gone() -> None:
    assert sorted((SHOWN | gallery.NOT_SHOWN.keys()) - PAGES) == []
    assert sorted(SHOWN & gallery.NOT_SHOWN.keys()) == []


@pytest.mark.parametrize("one", gallery.PICTURES, ids=lambda one: one.name)
def test_a_pictures_address_is_one_of_its_route(one: gallery.Picture) -> None:
    path = (one.address or one.route).partition("?")[0]
    from_a_mail = path == "{mail_link}"

    assert one.route == "" or from_a_mail or compile_path(one.route)[0].match(path)


def test_pictures_have_names_of_their_own() -> None:
    names = [one.name for one in gallery.PICTURES]

    assert len(names) == len(set(names))


def test_the_document_is_the_one_that_the_list_makes() -> None:
    assert (DOCS / "pages.md").read_text(encoding="utf-8") == gallery.document()


def test_no_picture_lies_there_unseen() -> None:
    listed = {one.file(theme) for one in gallery.PICTURES for theme in gallery.THEMES}
    there = {f"pages/{file.name}" for file in (IMAGES / "pages").iterdir()}

    assert there == {file for file in listed if file.startswith("pages/")}


def test_the_pictures_are_small() -> None:
    assert sum(file.stat().st_size for file in IMAGES.rglob("*.*")) < MOST_BYTES


@pytest.mark.parametrize(
    ("name", "width", "becomes"),
    [
        ("one.png", 1200, (1200, 600)),
        ("one.png", 2400, (1200, 300)),
        ("one.webp", 1200, (900, 450)),
        ("one.webp", 390, (390, 600)),
    ],
    ids=["a poster", "a wall's poster", "a wide one", "a phone's"],
)
def test_a_picture_is_kept_as_wide_as_it_is_looked_at(
    tmp_path: Path, name: str, width: int, becomes: tuple[int, int]
) -> None:
    shown = BytesIO()
    Image.new("RGB", (width, 600), "white").save(shown, "png")

    keep(shown.getvalue(), tmp_path / name)

    with Image.open(tmp_path / name) as kept:
        assert kept.size == becomes
        assert kept.format == name.rpartition(".")[2].upper()


def test_the_colour_of_a_dot_survives_where_there_are_many_others(tmp_path: Path) -> None:
    image = Image.linear_gradient("L").convert("RGB").resize((1200, 600))
    image.paste((46, 128, 92), (600, 300, 608, 308))
    shown = BytesIO()
    image.save(shown, "png")

    keep(shown.getvalue(), tmp_path / "one.png")

    with Image.open(tmp_path / "one.png") as kept:
        red, green, blue = kept.convert("RGB").crop((604, 304, 605, 305)).tobytes()
    assert max(abs(red - 46), abs(green - 128), abs(blue - 92)) < 16
