"""Columns as they come: every source's column in one of two forms, so that ingest applies its rules in one place.

`Plain` holds machine numbers or moments; `Distinct` holds objects such as text, each of them once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import DataError
from dpsynth.private.cells import is_missing, is_moment, is_number, moment_of, text_of
from dpsynth.schema.moments import without_finest_units

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SMALL_RANGE = 1 << 16
UNREADABLE = object()

# Kinds of objects, as pandas calls them, of which equal ones read alike, so that pandas may tell them apart.
EQUAL_READ_ALIKE = ("string", "bytes", "integer", "boolean", "floating", "mixed-integer-float", "empty")


@dataclass(frozen=True, eq=False, repr=False)
class Plain:
    """A column of machine values: bool, integer, float or datetime64, shape (rows,); `missing` marks nulls."""

    values: NDArray[Any]
    missing: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Distinct:
    """A column of objects: row i holds `values[codes[i]]`, or nothing where the code is -1."""

    values: Sequence[object]
    codes: NDArray[Any]


Cells = Plain | Distinct


def rows_of(cells: Cells) -> int:
    """Number of rows of a column."""
    return len(cells.values if isinstance(cells, Plain) else cells.codes)


def cells_of(column: Any) -> Cells:
    """A column in memory (numpy, pandas, Arrow or a list) as Plain or Distinct; what has no reading is UNREADABLE."""
    if isinstance(column, np.ndarray):
        return _from_numpy(column)
    import pandas as pd
    import pyarrow as pa

    if isinstance(column, pa.Array | pa.ChunkedArray):
        return _from_arrow(pa.chunked_array([column]) if isinstance(column, pa.Array) else column)
    if isinstance(column, pd.Series):
        return _from_series(column)
    if isinstance(column, Set | Mapping):
        raise DataError(f"a column of the data must be an array, a Series or a list; got {type(column).__name__}")
    return _from_series(pd.Series(column, dtype=getattr(column, "dtype", object)))


def distinct(cells: Cells) -> Distinct:
    """The same column with each value once; text and numbers stay what they are."""
    if isinstance(cells, Distinct):
        return cells
    values = cells.values
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    if values.dtype.kind in "iu" and len(values) and int(values.max()) - int(values.min()) < SMALL_RANGE:
        low = int(values.min())
        known: Sequence[object] = range(low, int(values.max()) + 1)
        # Signed integers are widened first: the range of int8 does not fit int8.
        codes = ((values if values.dtype.kind == "u" else values.astype(np.int64)) - values.min()).astype(np.int32)
    else:
        import pandas as pd

        moments = values.dtype.kind == "M"
        codes, found = pd.factorize(values.view(np.int64) if moments else values)
        known = list(found.view(values.dtype)) if moments else found.tolist()
    if cells.missing is not None:
        codes = np.where(cells.missing, -1, codes)
    return Distinct(known, codes)


def without_texts(cells: Cells, missing: Set[str]) -> Cells:
    """The same column with nothing where a cell is exactly one of the texts; numbers and moments stay."""
    if isinstance(cells, Plain) or not missing:
        return cells
    stays = [not (isinstance(value, str | bytes) and text_of(value) in missing) for value in cells.values]
    if all(stays):
        return cells
    # Without its text, too: nothing of it may become a label of an open column.
    values = [value if stay else None for value, stay in zip(cells.values, stays, strict=True)]
    return Distinct(values, np.where(np.array([*stays, False])[cells.codes], cells.codes, -1))


def _from_numpy(values: NDArray[Any]) -> Cells:
    if values.ndim != 1 or values.dtype.kind not in "biufMOUS" or values.dtype == np.dtype("M8"):
        return _unreadable(len(values) if values.ndim else 0)
    missing = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    values = np.ma.getdata(values)
    if values.dtype.kind in "OUS":
        objects = values.astype(object)
        if missing is not None:
            objects[missing] = None
        return _from_objects(objects)
    if values.dtype.kind == "f" and values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    return Plain(without_finest_units(values) if values.dtype.kind == "M" else values, missing)


def _from_objects(values: NDArray[Any]) -> Distinct:
    """Distinct objects. Cells are merged only when they read alike, so that no cell is read as another one says."""
    import pandas as pd

    if pd.api.types.infer_dtype(values, skipna=True) in EQUAL_READ_ALIKE:
        codes, found = pd.factorize(values)
        return Distinct(list(found), codes)
    place: dict[tuple[type, object], int] = {}

    def place_of(value: object) -> int:
        if value is pd.NA or is_missing(value):
            return -1
        key = _key(value)
        return place.setdefault((type(key), key), len(place))

    codes = np.fromiter(map(place_of, values), dtype=np.int64, count=len(values))
    return Distinct([key for _, key in place], codes)


def _key(value: object) -> object:
    """What a cell says, such that equal keys read alike: a moment is put in UTC, for equal ones may differ there."""
    if is_moment(value):
        return moment_of(value, None)
    return value if isinstance(value, str | bytes) or is_number(value) else UNREADABLE


def _from_series(series: pd.Series[Any]) -> Cells:
    import pandas as pd
    import pyarrow as pa

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return Distinct(list(dtype.categories), series.cat.codes.to_numpy())
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Plain(series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    if isinstance(dtype, pd.ArrowDtype) or (isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"):
        return _from_arrow(pa.chunked_array(pa.array(series.array)))
    if isinstance(dtype, pd.StringDtype):
        codes, found = pd.factorize(series.array)
        return Distinct(list(found), codes)
    if isinstance(dtype, np.dtype):
        return _from_numpy(series.to_numpy())
    if pd.api.types.is_numeric_dtype(dtype) and hasattr(dtype, "numpy_dtype"):
        missing = series.isna().to_numpy()
        values = series.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        return Plain(values, missing)
    return _unreadable(len(series))


def _from_arrow(column: pa.ChunkedArray) -> Cells:
    import pyarrow as pa

    column = without_views(column)
    kind = column.type
    if pa.types.is_null(kind):
        return Distinct((), np.full(len(column), -1))
    if _is_text(kind) or pa.types.is_decimal(kind):
        column = column.dictionary_encode()
    if pa.types.is_dictionary(kind) and not (_is_text(kind.value_type) or pa.types.is_decimal(kind.value_type)):
        chunks = [chunk.dictionary_decode() for chunk in column.chunks]
        return _from_arrow(pa.chunked_array(chunks, type=kind.value_type))
    if pa.types.is_dictionary(column.type):
        if not len(column):  # Arrow cannot join no chunks of every kind
            return Distinct((), np.zeros(0, dtype=np.int64))
        whole = column.unify_dictionaries().combine_chunks()
        whole = whole if isinstance(whole, pa.Array) else whole.chunk(0)
        return Distinct(_listed(whole.dictionary), whole.indices.cast(pa.int64()).fill_null(-1).to_numpy())
    missing = column.is_null().to_numpy() if column.null_count else None
    unit = "D" if pa.types.is_date32(kind) else "ms" if pa.types.is_date64(kind) else getattr(kind, "unit", "")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        # Arrow keeps moments with a time zone as whole numbers in UTC, which is what ingest wants.
        column = column.cast(pa.int32() if unit == "D" else pa.int64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return _unreadable(len(column))
    values = (column.fill_null(False if pa.types.is_boolean(kind) else 0) if missing is not None else column).to_numpy()
    moments = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    return Plain(values.astype(np.int64).view(f"datetime64[{unit}]") if moments else values, missing)


def without_views(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same column with text in the form that Arrow can compute with: polars gives out views, and codes of views."""
    import pyarrow as pa

    if pa.types.is_string_view(column.type):
        return column.cast(pa.large_string())
    if pa.types.is_dictionary(column.type) and pa.types.is_string_view(column.type.value_type):
        chunks = [
            pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.large_string()))
            for chunk in column.chunks
        ]
        return pa.chunked_array(chunks, type=pa.dictionary(column.type.index_type, pa.large_string()))
    return column


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


def _listed(values: pa.Array) -> list[object]:
    """Python's objects; text that is not UTF-8 stays bytes, which have no reading."""
    import pyarrow as pa

    with contextlib.suppress(UnicodeDecodeError):
        return list(values.to_pylist())
    return list(values.cast(pa.large_binary()).to_pylist())


def _unreadable(rows: int) -> Distinct:
    return Distinct((UNREADABLE,), np.zeros(rows, dtype=np.int64))
