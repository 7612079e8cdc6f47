"""Where a report may be written, and how: whole or not at all, and a steward's for its owner alone."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from dpsynth.errors import ReleaseError
from dpsynth.report.content import Edition

IN_RELEASE = "report.html"
"""The only name under which a report may lie in a release directory."""


def require_free(path: Path, release: Path, *, edition: Edition, overwrite: bool) -> None:
    """Check, before any work is done for it, that a report may be written to `path`.

    Raises ReleaseError when a file is there and `overwrite` is false, when a steward's edition would lie in the
    release, and when any other name than report.html would.
    """
    inside = path.absolute().parent.resolve() == release.absolute().resolve()
    if inside and (edition == "steward" or path.name != IN_RELEASE):
        raise ReleaseError(
            f"out ({path}) must not lie in the release; only a public {IN_RELEASE} may; try another folder"
        )
    require_new(path, overwrite=overwrite)


def require_new(path: Path, *, overwrite: bool) -> None:
    """Check that a file may be written to `path`; raises ReleaseError, as `require_free` does."""
    if path.is_dir() or path.is_symlink() or (path.exists() and not overwrite):
        raise ReleaseError(f"out ({path}) must not be there yet; got something there; try overwrite (--overwrite)")
    if not path.absolute().parent.is_dir():
        raise ReleaseError(f"out ({path}) must be in a folder that is there; got none; try making it")


def write(content: bytes, path: Path, *, edition: Edition) -> Path:
    """Write a file, which appears whole or not at all. Raises ReleaseError when the disk refuses."""
    name = ""
    try:
        # Created readable by its owner alone; other rights are given once the content is there.
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        rights = stat.S_IRUSR | stat.S_IWUSR
        Path(name).chmod(rights if edition == "steward" else rights | stat.S_IRGRP | stat.S_IROTH)
        Path(name).replace(path)
    except BaseException as error:
        if name:
            Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ReleaseError(f"out ({path}) must be writable; got: {error.strerror}") from None
        raise
    return path
