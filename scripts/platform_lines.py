"""Bring the line numbers in docs/platforms.md up to date: a link goes to where its name stands."""

import re
from collections.abc import Callable
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "platforms.md"
_LINK = re.compile(r"\[`([\w-]+)`\]\((\.\./examples/[\w./-]+)#L\d+\)")


def refreshed(page: str, read: Callable[[str], str]) -> str:
    """The page with the numbers as they are now; `read` gives the text of a linked file.

    Raises ValueError for a name that is nowhere in its file.
    """

    def anew(link: re.Match[str]) -> str:
        name, path = link.groups()
        for number, line in enumerate(read(path).splitlines(), start=1):
            if line.lstrip().startswith(f"{name}:"):
                return f"[`{name}`]({path}#L{number})"
        raise ValueError(f"{path} has no {name}")

    return _LINK.sub(anew, page)


def read_beside(path: str) -> str:
    """A file that docs/platforms.md links to."""
    return (PAGE.parent / path).read_text()


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text(), read_beside))
