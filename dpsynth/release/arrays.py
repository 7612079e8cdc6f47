"""Named arrays to and from one .npz file, read as if a stranger had written it.

numpy's own reader allocates whatever size a header claims before it looks at the data, so the headers
are checked first: plain numbers only, no pickle, and no member larger than the bytes that back it.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from dpsynth.errors import ReleaseError

MAX_BYTES = 4 << 30
"""Largest unpacked size of one .npz file that is read, in bytes."""

MAX_ARRAYS = 200_000
_MEMBER = re.compile(r"[A-Za-z0-9_.\-]{1,200}\.npy")
_NUMBERS = frozenset("biuf")


def to_npz(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """One compressed .npz file; equal arrays give equal bytes.

    Raises ReleaseError when an array holds anything but numbers, or a name is not letters, digits and _.-
    """
    for name, array in arrays.items():
        if not _MEMBER.fullmatch(f"{name}.npy") or array.dtype.kind not in _NUMBERS:
            raise ReleaseError(f"array {name!r} must have a plain name and hold numbers; got dtype {array.dtype}")
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **{name: np.asarray(a, order="C") for name, a in arrays.items()})
    return stream.getvalue()


def from_npz(content: bytes, *, file: str, max_bytes: int = MAX_BYTES) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz file; `file` is its name, for messages.

    Raises ReleaseError when the file is no zip of plain numeric arrays, unpacks to more than `max_bytes`,
    or holds a header that claims more than its data.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check_members(members, file, max_bytes)
            return {member.filename.removesuffix(".npy"): _read(archive, member, file) for member in members}
    except ReleaseError:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, TypeError, EOFError, OSError, RuntimeError, SyntaxError,
            NotImplementedError, RecursionError, MemoryError) as error:  # fmt: skip
        raise ReleaseError(f"{file} must be a readable array file; got {type(error).__name__}") from None


def _check_members(members: list[zipfile.ZipInfo], file: str, max_bytes: int) -> None:
    if len(members) > MAX_ARRAYS:
        raise ReleaseError(f"{file} must hold at most {MAX_ARRAYS} arrays; got {len(members)}")
    if len({member.filename for member in members}) != len(members):
        raise ReleaseError(f"{file} must hold each array once; got a name twice")
    if not all(_MEMBER.fullmatch(member.filename) for member in members):
        raise ReleaseError(f"{file} must hold plainly named arrays; got another name")
    unpacked = sum(member.file_size for member in members)
    if unpacked > max_bytes:
        raise ReleaseError(
            f"{file} must unpack to at most {max_bytes} bytes; got {unpacked}; try a release from a smaller model"
        )


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: str) -> npt.NDArray[Any]:
    with archive.open(member) as stream:
        shape, dtype = _header(stream)
        claimed = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or dtype.kind not in _NUMBERS:
            raise ReleaseError(f"{file} must hold numbers only; got another kind of array")
        if claimed != member.file_size - stream.tell():
            raise ReleaseError(f"{file} must hold as many bytes as its headers claim; got a header that lies")
    with archive.open(member) as stream:
        array: npt.NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        if stream.read(1):  # reading to the end makes zipfile compare the checksum
            raise ReleaseError(f"{file} must end where its arrays end")
    return array


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError("unknown array format")
    return shape, dtype
