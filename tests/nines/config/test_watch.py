"""Noticing that the configuration changed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nines.config.watch import Watch, digest

Edit = Callable[[], object]


class _EndError(Exception):
    """The script is over."""


class Script:
    """A clock that makes one edit each time somebody sleeps."""

    def __init__(self, *edits: Edit) -> None:
        self._edits = iter(edits)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        edit = next(self._edits, None)
        if edit is None:
            raise _EndError
        edit()


def nothing() -> None:
    """No edit."""


async def looks_that_told(path: Path, *edits: Edit) -> list[int]:
    """The numbers of the looks, from 1, after which a change was told."""
    script = Script(*edits)
    told: list[int] = []

    async def listen() -> None:
        async for changed in Watch(path, script):
            assert changed == path
            told.append(len(script.slept))

    with pytest.raises(_EndError):
        await listen()
    assert set(script.slept) <= {5.0, 1.0}
    return told


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("a: 1")
    return path


async def test_it_looks_rarely_and_soon_again_after_a_change(file: Path) -> None:
    script = Script(nothing, lambda: file.write_text("a: 2"), nothing, nothing)
    with pytest.raises(_EndError):
        async for _ in Watch(file, script):
            pass

    assert script.slept == [5.0, 5.0, 1.0, 5.0, 5.0]


async def test_a_file_that_stays_the_same_is_quiet(file: Path) -> None:
    assert await looks_that_told(file, nothing, nothing, lambda: file.write_text("a: 1")) == []


async def test_a_change_is_told_once_it_has_settled(file: Path) -> None:
    assert await looks_that_told(file, lambda: file.write_text("a: 2"), nothing, nothing) == [2]


async def test_edits_in_a_row_are_told_together(file: Path) -> None:
    edits = [lambda n=n: file.write_text(f"a: {n}") for n in (2, 3, 4)]

    assert await looks_that_told(file, *edits, nothing, nothing) == [4]


async def test_an_edit_that_is_taken_back_is_no_change(file: Path) -> None:
    edits = [lambda: file.write_text("a: 2"), lambda: file.write_text("a: 1"), nothing]

    assert await looks_that_told(file, *edits, nothing) == []


async def test_a_mistake_that_somebody_else_read_and_is_taken_back_is_a_change(file: Path) -> None:
    def reload_a_mistake() -> None:
        file.write_text("a: mistake")
        watch.know(digest(file))
        file.write_text("a: 1")

    watch = Watch(file, Script(reload_a_mistake, nothing, nothing))

    assert await anext(aiter(watch)) == file


async def test_what_somebody_else_has_read_is_not_told_again(file: Path) -> None:
    def reload_an_edit() -> None:
        file.write_text("a: 2")
        watch.know(digest(file))

    watch = Watch(file, Script(reload_an_edit, nothing, nothing))

    with pytest.raises(_EndError):
        await anext(aiter(watch))


async def test_a_file_that_is_gone_for_a_moment_is_waited_for(file: Path) -> None:
    edits = [file.unlink, nothing, lambda: file.write_text("a: 2"), nothing]

    assert await looks_that_told(file, *edits, nothing) == [4]


async def test_a_new_file_in_a_directory_is_a_change(file: Path) -> None:
    new = file.with_name("more.yaml")

    assert await looks_that_told(file.parent, lambda: new.write_text("b: 1"), nothing) == [2]


async def test_a_link_swapped_to_other_content_is_a_change(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one/config.yaml").write_text("a: 1")
    (tmp_path / "two/config.yaml").write_text("a: 2")
    link = tmp_path / "now"
    link.symlink_to("one")

    def swap() -> None:
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").rename(link)

    assert await looks_that_told(link / "config.yaml", swap, nothing) == [2]
