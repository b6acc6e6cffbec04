"""Undo a body's content encoding, never beyond a limit."""

import zlib

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32  # either header is recognised
ACCEPTED = "gzip"


class BoundedBody:
    """Collects a body as it comes, decoded, up to `limit` bytes; a bomb costs no more than that."""

    def __init__(self, content_encoding: str, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self._gzip: _Gzip | None = None
        self.trouble: str | None = None
        self.cut = False
        encoding = content_encoding.strip().lower()
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._gzip = _Gzip()
        elif encoding not in ("", "identity"):
            self.trouble = (
                f"the body is encoded as {encoding[:40]!r}, and only {ACCEPTED} was accepted"
            )

    @property
    def data(self) -> bytes:
        return bytes(self._data)

    def feed(self, raw: bytes) -> bool:
        """Take what came; False when nothing more is wanted."""
        # One byte beyond the limit tells a body that is cut from one that just fits.
        room = self._limit - len(self._data) + 1
        try:
            self._data += raw[:room] if self._gzip is None else self._gzip.decode(raw, room)
        except zlib.error as error:
            self.trouble = f"the body is not encoded as its header says: {error}"
            return False
        self.cut = len(self._data) > self._limit
        del self._data[self._limit :]
        return not self.cut

    def finish(self) -> None:
        """The body has ended; an encoded one must have come to its own end too."""
        if self._gzip is not None and self._gzip.unfinished:
            self.trouble = "the body ends before its encoding does"


class _Gzip:
    """Gzip members, one after another (RFC 1952, 2.2); zlib's own header is understood too."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._begun = False

    @property
    def unfinished(self) -> bool:
        return self._begun and not self._member.eof

    def decode(self, raw: bytes, room: int) -> bytes:
        """At most `room` bytes of what `raw` holds; what did not fit is lost."""
        found = bytearray()
        while raw and len(found) < room:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP_OR_ZLIB)
            self._begun = True
            found += self._member.decompress(raw, room - len(found))
            raw = self._member.unused_data
        return bytes(found)
