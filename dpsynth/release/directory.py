"""A release directory read as if a stranger had written it: only content that agrees with its manifest comes out.

Fixed file names, no links, sizes and SHA-256 sums from MANIFEST.json, and the bytes that are parsed are
the bytes that were checked.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from dpsynth.errors import ReleaseError
from dpsynth.release.bundle import FILES, FORMAT, MANIFEST, VERSION, digest_of
from dpsynth.release.documents import parse_document

MAX_DOCUMENT_BYTES = 256 << 20
_MAX_MANIFEST_BYTES = 1 << 20


class Directory:
    """A release directory whose manifest was read; hands out only content that agrees with it."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise ReleaseError(
                f"release ({self.path}) must be a directory; got none there; try the path given to --out"
            )
        self._entries = _manifest_entries(parse_document(self._bytes(MANIFEST, _MAX_MANIFEST_BYTES), MANIFEST))

    def check_all(self) -> None:
        """Compare every file with the manifest. Raises ReleaseError naming the first that differs."""
        for name in FILES:
            with self._open(name) as stream:
                _compare(name, os.fstat(stream.fileno()).st_size, digest_of(stream), self._entries[name])

    def read(self, name: str, max_bytes: int) -> bytes:
        """The checked content of one file. Raises ReleaseError when it is larger, missing or changed."""
        content = self._bytes(name, max_bytes)
        _compare(name, len(content), hashlib.sha256(content).hexdigest(), self._entries[name])
        return content

    def document(self, name: str) -> dict[str, Any]:
        """The checked JSON object in one file."""
        return parse_document(self.read(name, MAX_DOCUMENT_BYTES), name)

    def size(self, name: str) -> int:
        """Bytes of one file, as the manifest says."""
        return int(self._entries[name]["bytes"])

    def _bytes(self, name: str, max_bytes: int) -> bytes:
        with self._open(name) as stream:
            content = stream.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise ReleaseError(f"{name} must have at most {max_bytes} bytes; got more")
        return content

    @contextmanager
    def _open(self, name: str) -> Iterator[BinaryIO]:
        # Not following links, and refusing pipes and devices: a release is plain files only.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(_regular(os.open(self.path / name, flags)), "rb") as stream:
                yield stream
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ReleaseError(f"{name} must be a readable plain file in {self.path}; got: {reason}") from None


def _regular(descriptor: int) -> int:
    """The descriptor of a plain file as it is; any other is closed. Raises OSError for it."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file")
    return descriptor


def _manifest_entries(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    if (manifest.get("format"), manifest.get("version")) != (FORMAT, VERSION):
        raise ReleaseError(f"{MANIFEST} must say format {FORMAT!r} and version {VERSION}; got something else")
    entries = manifest.get("files")
    if not isinstance(entries, dict) or set(entries) != set(FILES):
        raise ReleaseError(f"{MANIFEST} must list exactly the files of a release")
    for name, entry in entries.items():
        size = entry.get("bytes") if isinstance(entry, dict) else None
        if type(size) is not int or size < 0 or not isinstance(entry.get("sha256"), str):
            raise ReleaseError(f"{MANIFEST} must give bytes and sha256 of {name}")
    return entries


def _compare(name: str, size: int, digest: str, entry: Mapping[str, Any]) -> None:
    if (size, digest) != (entry["bytes"], entry["sha256"]):
        raise ReleaseError(f"{name} must be as {MANIFEST} says; got other content; try fetching the release again")
