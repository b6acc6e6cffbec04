"""A file of lines that is rotated, truncated and written to while it is read."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.tail import LINE_BYTES, Position, Tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_bytes(b"before\n")
    return path


@pytest.fixture
def tail(log: Path) -> Iterator[Tail]:
    tail = Tail(log)
    assert read(tail) == []
    yield tail
    tail.close()


def read(tail: Tail) -> list[bytes]:
    return list(tail.lines(lambda: True))


def write(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def test_it_begins_at_the_end_and_reads_what_comes(tail: Tail, log: Path) -> None:
    write(log, b"one\ntwo\n")
    assert read(tail) == [b"one", b"two"]
    assert read(tail) == []


def test_a_line_is_read_once_it_is_finished(tail: Tail, log: Path) -> None:
    write(log, b"on")
    assert read(tail) == []
    write(log, b"e\ntw")
    assert read(tail) == [b"one"]
    write(log, b"o\n")
    assert read(tail) == [b"two"]


def test_a_rotated_file_is_read_to_its_end_and_then_the_next_one(tail: Tail, log: Path) -> None:
    write(log, b"one\n")
    log.rename(log.with_suffix(".log.1"))
    assert read(tail) == [b"one"]
    write(log.with_suffix(".log.1"), b"two\n")  # nginx has not opened the next one yet
    write(log, b"three\n")

    assert read(tail) == [b"two", b"three"]
    assert tail.said == []


@pytest.mark.parametrize("after", [b"new\n", b"new line that is longer than what was there\n"])
def test_a_file_that_is_truncated_is_read_from_its_beginning(
    tail: Tail, log: Path, after: bytes
) -> None:
    write(log, b"one\n")
    read(tail)
    os.truncate(log, 0)  # as copytruncate does
    write(log, after)

    assert read(tail) == [after.rstrip(b"\n")]
    assert "the file was truncated" in tail.said[0]


def test_a_line_that_is_too_long_is_passed_over_and_told(tail: Tail, log: Path) -> None:
    write(log, b"one\n" + b"x" * (LINE_BYTES + 1) + b"\ntwo\n" + b"y" * 700_000)
    assert read(tail) == [b"one", b"two"]
    write(log, b"y" * 300_000 + b"\nthree\n")

    assert read(tail) == [b"three"]
    assert tail.too_long == 2


def test_from_a_position_it_reads_what_was_written_meanwhile(log: Path) -> None:
    first = Tail(log)
    read(first)
    write(log, b"one\n")
    read(first)
    assert first.position is not None
    position = Position.of(first.position.to_text())
    first.close()
    write(log, b"two\n")
    log.rename(log.with_suffix(".log.1"))
    write(log, b"three\n")
    second = Tail(log, position)

    assert read(second) == [b"two", b"three"]
    assert second.said == []
    second.close()


def test_where_the_file_of_a_position_is_gone_the_new_one_is_read_whole(log: Path) -> None:
    first = Tail(log)
    read(first)
    position = first.position
    os.truncate(log, 0)
    write(log, b"another log\n")
    second = Tail(log, position)

    assert read(second) == [b"another log"]
    assert "the file that was read before is gone" in second.said[0]
    first.close()
    second.close()


def test_a_file_that_is_gone_and_does_not_come_again_is_told(tail: Tail, log: Path) -> None:
    write(log, b"one\n")
    rotated = log.with_suffix(".log.1")
    log.rename(rotated)
    assert read(tail) == [b"one"]
    assert read(tail) == []  # as between a rotation and the first line of the next file
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="no other has come"):
            read(tail)
    write(rotated, b"two\n")  # whoever writes still has it open
    assert read(tail) == [b"two"]
    write(log, b"three\n")

    assert read(tail) == [b"three"]
    assert tail.said == []


def test_a_file_that_comes_only_after_a_restart_is_read_whole(log: Path) -> None:
    first = Tail(log)
    read(first)
    position = first.position
    first.close()
    log.unlink()
    second = Tail(log, position)
    with pytest.raises(FileNotFoundError):
        read(second)
    write(log, b"written since\n")

    assert read(second) == [b"written since"]
    assert "the file that was read before is gone" in second.said[0]
    second.close()


@pytest.mark.parametrize("text", ["", "[]", "null", '[1,2,3,"zz"]', "[1,2]"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no position"):
        Position.of(text)


def test_when_time_is_up_it_stops_and_goes_on_there(tail: Tail, log: Path) -> None:
    write(log, b"".join(b"%d\n" % n for n in range(200_000)))
    chunks = iter([True, True, False])
    first = list(tail.lines(lambda: next(chunks, False)))
    rest = read(tail)

    assert 0 < len(first) < 200_000
    assert [*first, *rest] == [b"%d" % n for n in range(200_000)]


def test_what_is_no_ordinary_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match="no ordinary file"):
            read(Tail(path))
