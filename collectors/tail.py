"""Follow a file of lines through rotation and truncation, never reading a line twice."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

LINE_BYTES = 64 * 1024  # a longer line is passed over
_CHUNK = 256 * 1024
_MARK_BYTES = 32
_LOOKS_WITHOUT = 2  # a file, of which this one is told
_NEIGHBOURS = 1_000  # files of the folder among which one that was rotated is looked for


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next line begins; `mark` is what stands before, so that another file is known."""

    device: int
    inode: int
    offset: int
    mark: bytes = b""

    def to_text(self) -> str:
        return orjson.dumps([self.device, self.inode, self.offset, self.mark.hex()]).decode()

    @classmethod
    def of(cls, text: str) -> "Position":
        """What `to_text` wrote. Raises ValueError."""
        try:
            device, inode, offset, mark = orjson.loads(text)
            return cls(int(device), int(inode), int(offset), bytes.fromhex(mark))
        except (TypeError, ValueError) as error:
            raise ValueError("it is no position in a file") from error


class Tail:
    """One file, by its path. Blocks while it reads: use it in a thread, one call at a time."""

    def __init__(self, path: Path, position: Position | None = None) -> None:
        """Without a position it begins at the present end; where the file of one is gone, the one
        that stands there is read from its beginning.
        """
        self._path = path
        self._resumed = position
        self._file: int | None = None
        self._at = 0
        self._mark = b""
        self._skips = False  # within a line that is too long
        self._missing = 0  # looks in a row that found no file there, and nothing in the last one
        self.too_long = 0
        self.said: list[str] = []  # what was lost, in sentences, since they were taken last

    @property
    def position(self) -> Position | None:
        if self._file is None:
            return None
        about = os.fstat(self._file)
        return Position(about.st_dev, about.st_ino, self._at, self._mark)

    def lines(self, in_time: Callable[[], bool]) -> Iterator[bytes]:
        """The lines that were finished since, for as long as it is `in_time`. Raises OSError."""
        if self._file is None:
            self._begin()
        begun_at = self._at
        while True:
            yield from self._rest(in_time)
            if not in_time() or not self._moved_on(quiet=self._at == begun_at):
                return

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _begin(self) -> None:
        resumed = self._resumed
        if resumed is None:
            self._file = _opened(self._path)
            self._at = _last_line_end(self._file)
            self._mark = self._before(self._at)
            return
        former = self._find(resumed)
        if former is not None:
            self._file, self._at, self._mark = former, resumed.offset, resumed.mark
            return
        self._file = _opened(self._path)  # where it is not there yet, it is looked for again
        self.said.append(
            "the file that was read before is gone: what it held beyond our last look is not "
            "counted; this one is read from its beginning"
        )

    def _find(self, wanted: Position) -> int | None:
        """The file of the position, under whatever name it has now."""
        paths = [self._path]
        with suppress(OSError), os.scandir(self._path.parent) as entries:
            for _, entry in zip(range(_NEIGHBOURS), entries, strict=False):
                if entry.name.startswith(self._path.name) and entry.name != self._path.name:
                    paths.append(Path(entry.path))
        for path in paths:
            with suppress(OSError):
                about = path.stat()
                if (about.st_dev, about.st_ino) == (wanted.device, wanted.inode):
                    file = _opened(path)
                    if _reads(file, wanted.offset, wanted.mark):
                        return file
                    os.close(file)
        return None

    def _rest(self, in_time: Callable[[], bool]) -> Iterator[bytes]:
        """The finished lines from here to the end of the open file."""
        assert self._file is not None  # noqa: S101 - `lines` opened it
        if not _reads(self._file, self._at, self._mark):
            self.said.append(
                "the file was truncated: what was written between our last look and that is not "
                "counted; it is read from its beginning"
            )
            self._at, self._mark, self._skips = 0, b"", False
        while in_time():
            chunk = os.pread(self._file, _CHUNK, self._at)
            end = chunk.rfind(b"\n") + 1
            if not end:
                if len(chunk) <= LINE_BYTES and not self._skips:
                    return  # its end is still to come
                if not chunk:
                    return
                self.too_long += not self._skips
                self._skips, end = True, len(chunk)
                self._moved(chunk, end)
                continue
            lines = chunk[:end].split(b"\n")[:-1]
            if self._skips:
                self._skips, lines = False, lines[1:]
            self._moved(chunk, end)
            for line in lines:
                if len(line) > LINE_BYTES:
                    self.too_long += 1
                else:
                    yield line

    def _moved(self, chunk: bytes, end: int) -> None:
        self._at += end
        self._mark = (self._mark + chunk[max(0, end - _MARK_BYTES) : end])[-_MARK_BYTES:]

    def _moved_on(self, *, quiet: bool) -> bool:
        """Go to the file that stands there now, if it is another; the old one has ended.

        Between a rotation and the first line of the next file there is none, which is in order for
        one look. Raises FileNotFoundError where another `quiet` one finds it so.
        """
        assert self._file is not None  # noqa: S101 - `lines` opened it
        have = os.fstat(self._file)
        try:
            about = self._path.stat()
        except FileNotFoundError:
            self._missing = self._missing + 1 if quiet else 0
            if self._missing < _LOOKS_WITHOUT:
                return False
            words = "it is gone, and no other has come in its place"
            raise FileNotFoundError(errno.ENOENT, words) from None
        self._missing = 0
        if (about.st_dev, about.st_ino) == (have.st_dev, have.st_ino):
            return False
        following = _opened(self._path)
        os.close(self._file)
        self._file, self._at, self._mark, self._skips = following, 0, b"", False
        return True

    def _before(self, at: int) -> bytes:
        assert self._file is not None  # noqa: S101 - opened
        length = min(at, _MARK_BYTES)
        return os.pread(self._file, length, at - length)


def _opened(path: Path) -> int:
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(0, "it is no ordinary file")
    return file


def _reads(file: int, offset: int, mark: bytes) -> bool:
    """Whether what was read up to the offset still stands there."""
    return os.pread(file, len(mark), offset - len(mark)) == mark


def _last_line_end(file: int) -> int:
    """Where the last line that is finished ends."""
    size = os.fstat(file).st_size
    start = max(0, size - LINE_BYTES)
    return start + os.pread(file, size - start, start).rfind(b"\n") + 1 if size else 0
