"""Write a service into the configuration's files: whole, or not at all."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from nines.config.adding import CannotAddError, with_service
from nines.config.assembly import Config
from nines.config.found import Found
from nines.config.loading import load
from nines.config.problem import ConfigError
from nines.config.restart import needs_restart

_BOM = "\ufeff"
_MODE = 0o640  # of a file that there was not: it may hold a password one day


class CannotSaveError(Exception):
    """Nothing was written; why, in a sentence."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What a file is to be. `before` is what it was; None: it is new."""

    file: FilePath
    before: bytes | None
    after: bytes


def nothing_at(path: FilePath) -> Mapping[FilePath, bytes]:
    """What to read in place of a file that is not there yet; nothing, where there is one."""
    return {} if path.exists() or path.is_symlink() else {path: b"services: {}\n"}


def why_read_only(path: FilePath) -> str | None:
    """Why nothing can be added to the configuration at `path`; None where something may be."""
    if path.is_symlink():
        return f"{path} is a link to a file that somebody else keeps"
    if path.exists() and not os.access(path, os.W_OK):
        return f"{path} may not be written by Nines"
    folder = path if path.is_dir() else path.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"the directory {folder} may not be written by Nines"
    return None


def add_service(
    path: FilePath,
    service: str,
    lines: str,
    *,
    now: Config,
    environ: Mapping[str, str],
    found: Mapping[str, Found],
) -> Addition:
    """What adding it would write: to the file, or as a file of its own to the directory.

    `lines` are the service in YAML, not indented; `now` is the configuration that runs. It was
    loaded as it would be, and makes sense. Raises CannotSaveError.
    """
    if (why := why_read_only(path)) is not None:
        raise CannotSaveError(why)
    addition = _addition(path, service, lines)
    try:
        would_be = load(path, environ, found, {addition.file: addition.after})
    except ConfigError as error:
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        raise CannotSaveError(f"{error.problems[0]}{more}") from None
    if fixed := needs_restart(now, would_be):
        raise CannotSaveError(f"the file was changed before: {fixed[0]}")
    return addition


def write(addition: Addition) -> None:
    """Put it in place at once, with the owner and mode of what was there.

    Raises CannotSaveError; then the file is what it was.
    """
    file = addition.file
    try:
        handle, name = tempfile.mkstemp(prefix=".nines-", suffix=".new", dir=file.parent)
    except OSError as error:
        raise CannotSaveError(f"{file.parent}: {error.strerror}") from None
    fresh = FilePath(name)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(addition.after)
            _be_like(file, opened.fileno(), is_new=addition.before is None)
            opened.flush()
            os.fsync(opened.fileno())
        _put(addition, fresh)
        _keep(file.parent)
    except OSError as error:
        raise CannotSaveError(f"{file}: {error.strerror}") from None
    finally:
        fresh.unlink(missing_ok=True)


def _addition(path: FilePath, service: str, lines: str) -> Addition:
    if path.is_dir():
        file = path / f"{service}.yaml"
        if file.exists() or file.is_symlink():
            raise CannotSaveError(f"there is a file {file} already; choose another name")
        return Addition(file, None, _whole(service, lines, str(file)))
    if not path.exists():
        return Addition(path, None, _whole(service, lines, str(path)))
    try:
        before = path.read_bytes()
        text = before.decode()
    except OSError as error:
        raise CannotSaveError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CannotSaveError(f"{path} is not UTF-8") from None
    marked = text.startswith(_BOM)
    return Addition(
        path,
        before,
        (
            (_BOM if marked else "") + _added(text.removeprefix(_BOM), service, lines, str(path))
        ).encode(),
    )


def _whole(service: str, lines: str, path: str) -> bytes:
    return _added("", service, lines, path).encode()


def _added(text: str, service: str, lines: str, path: str) -> str:
    try:
        return with_service(text, service, lines, path)
    except CannotAddError as error:
        raise CannotSaveError(str(error)) from None


def _be_like(file: FilePath, handle: int, *, is_new: bool) -> None:
    if is_new:
        os.fchmod(handle, _MODE)
        return
    like = file.stat()
    if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(PermissionError):
            os.fchown(handle, like.st_uid, like.st_gid)
        is_like = os.fstat(handle)
        if is_like.st_uid != like.st_uid:
            raise CannotSaveError(f"{file} belongs to another user, and would no longer")
    os.fchmod(handle, stat.S_IMODE(like.st_mode))


def _put(addition: Addition, fresh: FilePath) -> None:
    file = addition.file
    if addition.before is None:
        try:
            os.link(fresh, file)  # where one has come meanwhile, it stays
        except FileExistsError:
            raise CannotSaveError(f"{file} was written by somebody else just now") from None
        return
    if file.is_symlink() or file.read_bytes() != addition.before:
        raise CannotSaveError(f"{file} was changed by somebody else just now; look at it again")
    fresh.replace(file)


def _keep(folder: FilePath) -> None:
    """So that the new name outlives a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
