"""Columns as they come: every source's column in one of two forms, so that ingest applies its rules in one place.

`Plain` holds machine numbers or moments; `Distinct` holds objects such as text, each of them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SMALL_RANGE = 1 << 16
UNREADABLE = object()


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
    if not isinstance(column, pd.Series):
        column = pd.Series(column, dtype=getattr(column, "dtype", object))
    return _from_series(column)


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

        codes, found = pd.factorize(values)
        known = found.tolist() if found.dtype.kind != "M" else list(found.astype("datetime64[us]"))
    if cells.missing is not None:
        codes = np.where(cells.missing, -1, codes)
    return Distinct(known, codes)


def _from_numpy(values: NDArray[Any]) -> Cells:
    if values.ndim != 1 or values.dtype.kind not in "biufMOUS" or values.dtype == np.dtype("M8"):
        return _unreadable(len(values) if values.ndim else 0)
    if isinstance(values, np.ma.MaskedArray):
        objects = np.array(values.data, dtype=object)
        objects[np.ma.getmaskarray(values)] = None
        return _from_objects(objects)
    if values.dtype.kind in "OUS":
        return _from_objects(values.astype(object))
    return Plain(values.astype(np.float64) if values.dtype == np.float16 else values)


def _from_objects(values: NDArray[Any]) -> Distinct:
    """Distinct objects; 1, 1.0 and True stay apart where a column mixes types."""
    import pandas as pd

    if not pd.api.types.infer_dtype(values, skipna=True).startswith(("mixed", "unknown", "decimal")):
        codes, found = pd.factorize(values)
        return Distinct(list(found), codes)
    place: dict[tuple[type, object], int] = {}
    codes = np.fromiter((_place(place, value) for value in values), dtype=np.int64, count=len(values))
    return Distinct([value for _, value in place], codes)


def _place(place: dict[tuple[type, object], int], value: object) -> int:
    """Where a value stands among the distinct ones, -1 when it is missing."""
    import pandas as pd

    try:
        missing = value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))  # type: ignore[call-overload]
        return -1 if missing else place.setdefault((type(value), value), len(place))
    except (TypeError, ArithmeticError):  # a container has no hash, a signalling NaN no comparison
        return place.setdefault((object, UNREADABLE), len(place))


def _from_series(series: pd.Series[Any]) -> Cells:
    import pandas as pd
    import pyarrow as pa

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return Distinct(list(dtype.categories), series.cat.codes.to_numpy())
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Plain(series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    if isinstance(dtype, pd.ArrowDtype):
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

    kind = column.type
    if pa.types.is_null(kind):
        return Distinct((), np.full(len(column), -1))
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)
    if text or pa.types.is_large_binary(kind) or pa.types.is_decimal(kind):
        column = column.dictionary_encode()
    elif pa.types.is_string_view(kind):
        column = column.cast(pa.string()).dictionary_encode()
    if pa.types.is_dictionary(column.type):
        whole = column.unify_dictionaries().combine_chunks()
        whole = whole if isinstance(whole, pa.Array) else whole.chunk(0)
        return Distinct(whole.dictionary.to_pylist(), whole.indices.cast(pa.int64()).fill_null(-1).to_numpy())
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


def _unreadable(rows: int) -> Distinct:
    return Distinct((UNREADABLE,), np.zeros(rows, dtype=np.int64))
