"""Static files under an address that holds their content's hash, so that browsers keep them."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_FOREVER = "public, max-age=31536000, immutable"
_TEXT = ("text/", "image/svg+xml", "application/json")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, ready to be sent."""

    media_type: str
    content: bytes
    zipped: bytes | None


class Assets:
    """All files of a folder, read once. Their common hash makes each address unique."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        digest = hashlib.sha256()
        for name, asset in self._files.items():
            digest.update(name.encode() + b"\0" + hashlib.sha256(asset.content).digest())
        self.digest = digest.hexdigest()[:16]

    def url(self, name: str) -> str:
        """The address of a file; KeyError for one that is not there."""
        if name not in self._files:
            raise KeyError(f"there is no static file {name}")
        return f"/static/{self.digest}/{name}"

    def response(self, request: Request, digest: str, name: str) -> Response | None:
        """The answer to a request; None when there is no such file.

        A page from before an update asks under the old hash: it gets what there is now, unkept.
        """
        asset = self._files.get(name)
        if asset is None:
            return None
        headers = {
            "Cache-Control": _FOREVER if digest == self.digest else "no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        content = asset.content
        if asset.zipped is not None:
            headers["Vary"] = "Accept-Encoding"
            if "gzip" in request.headers.get("accept-encoding", ""):
                headers["Content-Encoding"] = "gzip"
                content = asset.zipped
        return Response(content, media_type=asset.media_type, headers=headers)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    media_type = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
    media_type = media_type or "text/plain"
    wanted = media_type.startswith(_TEXT) and len(content) > 500
    # mtime=0: the same file gives the same bytes in every process.
    return Asset(media_type, content, gzip.compress(content, mtime=0) if wanted else None)
