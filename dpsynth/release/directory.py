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
from dpsynth.release.bundle import EVIDENCE, FILES, FORMAT, MANIFEST, VERSION, digest_of
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
        manifest = self._bytes(MANIFEST, _MAX_MANIFEST_BYTES)
        self._entries = _manifest_entries(parse_document(manifest, MANIFEST))
        self._manifest_digest = hashlib.sha256(manifest).hexdigest()

    def check_all(self) -> None:
        """Compare every file with the manifest. Raises ReleaseError naming the first that differs."""
        for name in FILES:
            with self.checked(name):
                pass

    @contextmanager
    def checked(self, name: str) -> Iterator[BinaryIO]:
        """One file, compared with the manifest and open at its start; for files too large for the memory."""
        with self._open(name) as stream:
            entry = self._entries[name]
            # Size first: a file that is too large is refused unread.
            if os.fstat(stream.fileno()).st_size != entry["bytes"] or digest_of(stream) != entry["sha256"]:
                raise _other_content(name)
            stream.seek(0)
            yield stream

    def read(self, name: str, max_bytes: int) -> bytes:
        """The checked content of one file. Raises ReleaseError when it is larger, missing or changed."""
        content, entry = self._bytes(name, max_bytes), self._entries[name]
        if (len(content), hashlib.sha256(content).hexdigest()) != (entry["bytes"], entry["sha256"]):
            raise _other_content(name)
        return content

    def document(self, name: str) -> dict[str, Any]:
        """The checked JSON object in one file."""
        return parse_document(self.read(name, MAX_DOCUMENT_BYTES), name)

    def size(self, name: str) -> int:
        """Bytes of one file, as the manifest says."""
        return int(self._entries[name]["bytes"])

    def digests(self) -> dict[str, str]:
        """SHA-256 of the manifest as it was read, and of every other file as the manifest says, by name."""
        return {MANIFEST: self._manifest_digest, **{name: self._entries[name]["sha256"] for name in FILES}}

    def evidence(self, name: str, max_bytes: int) -> bytes | None:
        """The content of a file of `EVIDENCE`, which the manifest does not know; None where there is none."""
        return self._bytes(name, max_bytes) if os.path.lexists(self.path / name) else None

    def strays(self) -> list[str]:
        """Names in the directory that are neither part of a release nor evidence about one, or are no plain files."""
        known = {MANIFEST, *FILES, *EVIDENCE}
        with os.scandir(self.path) as entries:
            return sorted(
                entry.name for entry in entries if entry.name not in known or not entry.is_file(follow_symlinks=False)
            )

    def _bytes(self, name: str, max_bytes: int) -> bytes:
        with self._open(name) as stream:
            too_large = os.fstat(stream.fileno()).st_size > max_bytes
            content = b"" if too_large else stream.read(max_bytes + 1)
        if too_large or len(content) > max_bytes:
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


def _other_content(name: str) -> ReleaseError:
    return ReleaseError(f"{name} must be as {MANIFEST} says; got other content; try fetching the release again")
