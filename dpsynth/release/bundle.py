"""A release directory as files: written whole or not at all.

Writing goes into a hidden sibling directory, every file is flushed to the disk, and one rename makes
the release appear. MANIFEST.json holds the size and SHA-256 of every file of `FILES`. Evidence about a
release, such as its audit, may lie beside them later: it is no part of the manifest.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from dpsynth.errors import ReleaseError
from dpsynth.release.documents import to_document

MANIFEST = "MANIFEST.json"
FORMAT = "dpsynth-release"
VERSION = 1
FILES = (
    "synthetic.parquet",
    "synthetic.csv",
    "certificate.json",
    "certificate.txt",
    "schema.yaml",
    "measurements.npz",
    "measurements.json",
    "model.npz",
    "model.json",
    "datapackage.json",
    "croissant.json",
    "prov.json",
)
"""Every file of a release besides the manifest, in the order of writing: CSV from Parquet, metadata with digests."""

EVIDENCE = ("audit.json", "gate.json", "report.html", "attestation.json")
"""Files about a release that may lie beside it, outside the manifest."""

_CHUNK = 1 << 20

Writer = Callable[[Path], None]


def write_directory(target: Path, writers: Mapping[str, Writer], *, overwrite: bool = False) -> None:
    """Write `FILES` and the manifest into a new directory `target`, all or nothing.

    writers: for each name of `FILES`, a function that writes the file at the path it is given.
    overwrite: replace an earlier release and the evidence about it; it stays whole until the new one is
    complete. A directory that holds anything else is never replaced.

    Raises ReleaseError when `target` is taken or cannot be written. Whatever happens, an interrupt
    included, no half-written release is left.
    """
    if set(writers) != set(FILES):
        raise ReleaseError(f"a release must have the files {list(FILES)}; got {sorted(writers)}")
    target = target.absolute()
    require_free(target, overwrite=overwrite)
    with _as_release_error(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = _sibling(target, "partial")
        try:
            fresh.mkdir()
            entries = {name: _write_file(fresh / name, writers[name]) for name in FILES}
            manifest = {"format": FORMAT, "version": VERSION, "files": entries}
            _write_file(fresh / MANIFEST, lambda path: _write_bytes(path, to_document(manifest)))
            _sync_directory(fresh)
            require_free(target, overwrite=overwrite)
            _put_in_place(fresh, target)
        except BaseException:
            _remove(fresh)
            raise


def require_free(target: Path, *, overwrite: bool = False) -> None:
    """Check, before any work is done for it, that a release may be written to `target`.

    Raises ReleaseError when `target` is a file or a link, holds files and `overwrite` is false, or
    holds anything besides a release, or when its folder cannot be written.
    """
    parent = next((each for each in target.absolute().parents if each.exists()), target)
    if not parent.is_dir():
        raise ReleaseError(f"out ({target}) must be in a folder; got {parent}, which is a file; try another name")
    with _as_release_error(target):
        # In the nearest folder that exists: a check leaves nothing behind, not even empty folders.
        probe = _sibling(parent / target.absolute().name, "probe")
        probe.mkdir()
        probe.rmdir()
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ReleaseError(f"out ({target}) must be a directory or not exist; got something else")
    if not target.exists():
        return
    present = {entry.name for entry in target.iterdir()}
    if present and not overwrite:
        raise ReleaseError(f"out ({target}) must be empty or not exist; got files in it; try overwrite (--overwrite)")
    strays = sorted(present - {MANIFEST, *FILES, *EVIDENCE})
    if present and (strays or MANIFEST not in present):
        got = f"{_listed(strays)}, which are no part of one" if strays else f"no {MANIFEST}"
        raise ReleaseError(
            f"out ({target}) must hold a release and nothing else to be overwritten; got {got};"
            f" try {'moving them away, or ' if strays else ''}a new name"
        )


def _listed(names: list[str], at_most: int = 5) -> str:
    more = len(names) - at_most
    return ", ".join(map(repr, names[:at_most])) + (f" and {more} more" if more > 0 else "")


def digest_of(stream: BinaryIO) -> str:
    """SHA-256 of what is left of a stream, in hexadecimal digits."""
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _sibling(target: Path, purpose: str) -> Path:
    return target.with_name(f".{target.name}.{purpose}-{secrets.token_hex(8)}")


def _write_file(path: Path, write: Writer) -> dict[str, Any]:
    """Write one file through to the disk; its size and digest, as they stand on the disk."""
    write(path)
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())
        return {"sha256": digest_of(stream), "bytes": os.fstat(stream.fileno()).st_size}


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _put_in_place(fresh: Path, target: Path) -> None:
    if not target.exists():
        fresh.rename(target)
    elif not any(target.iterdir()):
        target.rmdir()
        fresh.rename(target)
    else:
        retired = _sibling(target, "retired")
        try:
            target.rename(retired)
            fresh.rename(target)
        except BaseException:
            if retired.exists() and not target.exists():
                retired.rename(target)
            raise
        _remove(retired)
    with suppress(OSError):  # the release is whole and in place; only the moment it is durable is left open
        _sync_directory(target.parent)


def _remove(directory: Path) -> None:
    """Remove a directory of ours; a passing fault or one interrupt does not leave half of it."""
    try:
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _sync_directory(path: Path) -> None:
    if os.name == "posix":  # elsewhere a directory cannot be opened for syncing
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _as_release_error(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReleaseError(
            f"out ({target}) must be writable; got: {reason}; nothing was left there; try another disk or directory"
        ) from None
