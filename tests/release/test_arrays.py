"""Array files: what goes in comes out, and what a hostile writer could put there is refused."""

from __future__ import annotations

import contextlib
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dpsynth.errors import ReleaseError
from dpsynth.release.arrays import from_npz, to_npz


def _npy(array: np.ndarray, *, allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


def _zip(members: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.float64, np.int64, np.uint8, np.bool_]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0),
    )
)
def test_arrays_come_back_equal(array: np.ndarray) -> None:
    (back,) = from_npz(to_npz({"x": array}), file="x.npz").values()
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


def test_equal_arrays_give_equal_bytes() -> None:
    arrays = {"a": np.arange(5), "b": np.ones((2, 3))}
    assert to_npz(arrays) == to_npz(arrays)


def test_a_fortran_ordered_array_comes_back_equal() -> None:
    array = np.asfortranarray(np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(from_npz(_zip([("x.npy", _npy(array))]), file="x.npz")["x"], array)


def test_pickles_are_never_written() -> None:
    with pytest.raises(ReleaseError, match="hold numbers"):
        to_npz({"x": np.array([{"a": 1}], dtype=object)})


class _Trap:
    sprung = False

    def __reduce__(self) -> tuple[object, tuple[()]]:
        return (_spring, ())


def _spring() -> None:
    _Trap.sprung = True


def test_a_pickled_array_is_refused_and_not_run() -> None:
    content = _zip([("x.npy", _npy(np.array([_Trap()], dtype=object), allow_pickle=True))])
    with pytest.raises(ReleaseError):
        from_npz(content, file="x.npz")
    assert not _Trap.sprung
    np.load(io.BytesIO(content), allow_pickle=True)["x"]
    assert _Trap.sprung, "the trap must work, or the test shows nothing"


def test_a_header_that_claims_more_than_its_data_is_refused_before_memory_is_taken() -> None:
    honest = _npy(np.zeros(8))
    content = honest.replace(b"(8,), }" + b" " * 12, b"(8888888888888,), }")
    assert len(content) == len(honest)
    assert content != honest
    with pytest.raises(ReleaseError, match="a header that lies"):
        from_npz(_zip([("x.npy", content)]), file="x.npz")


def test_a_zip_bomb_is_refused_by_its_unpacked_size() -> None:
    content = _zip([("x.npy", _npy(np.zeros(1_000_000)))])
    assert len(content) < 100_000
    with pytest.raises(ReleaseError, match="unpack to at most"):
        from_npz(content, file="x.npz", max_bytes=1_000_000)


def test_a_zip_that_lies_about_its_unpacked_size_is_refused() -> None:
    content = _zip([("x.npy", _npy(np.zeros(100_000)))])
    true_size = len(_npy(np.zeros(100_000))).to_bytes(4, "little")
    assert content.count(true_size) == 2
    with pytest.raises(ReleaseError):
        from_npz(content.replace(true_size, (200).to_bytes(4, "little")), file="x.npz")


@pytest.mark.parametrize("name", ["../x.npy", "/etc/x.npy", "x.pkl", "a b.npy", "x", "d/x.npy"])
def test_odd_member_names_are_refused(name: str) -> None:
    with pytest.raises(ReleaseError, match="plainly named"):
        from_npz(_zip([(name, _npy(np.zeros(1)))]), file="x.npz")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_given_twice_is_refused() -> None:
    with pytest.raises(ReleaseError, match="twice"):
        from_npz(_zip([("x.npy", _npy(np.zeros(1)))] * 2), file="x.npz")


def test_text_arrays_and_trailing_bytes_are_refused() -> None:
    for content in (_npy(np.array(["text"])), _npy(np.zeros(2)) + b"more", b"no array", b""):
        with pytest.raises(ReleaseError):
            from_npz(_zip([("x.npy", content)]), file="x.npz")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_never_gives_another_error(place: int, flip: int) -> None:
    content = bytearray(to_npz({"a": np.arange(40), "b": np.ones((2, 3))}))
    content[place % len(content)] ^= flip
    with contextlib.suppress(ReleaseError):
        from_npz(bytes(content), file="x.npz", max_bytes=1 << 20)
