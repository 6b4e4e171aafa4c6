"""Atomic writes: a reader sees the old file or the whole new one, never a part."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cyclegan_tf.common.errors import NotWritten


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path; on success, moves it over `path`.

    The temporary file lies in the same folder (a rename is atomic only within one file
    system) and keeps the suffix, because many writers choose their format by it. If the
    body raises, the temporary file goes and `path` stays as it was.

    Args:
        path: The file to be written. Missing parent folders are made.

    Yields:
        The temporary `Path` that the caller writes.

    Raises:
        NotWritten: If the file cannot be written, for want of permission or room.
    """
    path, temporary = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        suffix = "".join(path.suffixes)[-32:]
        handle, name = tempfile.mkstemp(prefix=".writing-", suffix=suffix, dir=path.parent)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        # mkstemp is private to the user; a finished file follows the umask like any other.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes `text` to `path` atomically, in UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def replacing_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yields an empty temporary folder; on success, moves it to `path`.

    If the body raises, the temporary folder goes and `path` stays as it was.

    Args:
        path: The folder to be written. One that is there is removed after its successor is
            complete.

    Yields:
        The temporary `Path` that the caller fills.

    Raises:
        NotWritten: If the folder cannot be written, for want of permission or room.
    """
    path, temporary = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=path.parent))
        written = temporary / "new"
        written.mkdir()
        yield written
        old = temporary / "old"
        if path.exists():
            path.rename(old)
        try:
            written.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _refusal(path, error):
    reason = error.strerror or str(error).partition("\n")[0]
    return NotWritten(f"{path} cannot be written ({reason}): make room or give another place.")
