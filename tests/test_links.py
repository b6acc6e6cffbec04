"""What a document links to is there: files, headings, and the tests that it names."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks/README.md"]


def prose(page: Path) -> str:
    """All but blocks of code."""
    return re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )


def anchors(page: Path) -> set[str]:
    """Its headings as GitHub names them."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", prose(page)).lower()
    headings = re.findall(r"^#+ (.*)$", plain, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def astray(page: Path) -> Iterator[str]:
    text = prose(page)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        if not target.exists() or (
            target.suffix == ".md" and anchor and anchor not in anchors(target)
        ):
            yield link
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text):
        file = ROOT / path
        code = file.read_text(encoding="utf-8") if file.is_file() else ""
        defined = rf"^ *(async def|def|class) {name}\b|^{name} = "
        if not code or (name and not re.search(defined, code, re.MULTILINE)):
            yield f"{path}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_somewhere(page: Path) -> None:
    assert list(astray(page)) == []


def test_what_leads_nowhere_is_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A *heading*, here\n[it](#a-heading-here) [not it](#there) [gone](gone.md)\n"
        "`tests/gone.py` `tests/test_links.py::test_gone` `tests/test_links.py`\n"
    )

    assert list(astray(page)) == [
        "#there",
        "gone.md",
        "tests/gone.py::",
        "tests/test_links.py::test_gone",
    ]
