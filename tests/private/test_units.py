"""Units as keys are the same units as codes, batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.private.columns import cells_of
from dpsynth.private.units import unit_codes, unit_keys

SECRET = bytes(range(32))
KINDS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), st.sampled_from([0, -1, 2**63 - 1, -(2**63), 7])),
    (pa.uint64(), st.sampled_from([0, 2**64 - 1, 2**63, 7])),
    (pa.int8(), st.integers(-128, 127)),
    (pa.bool_(), st.booleans()),
    (pa.float64(), st.sampled_from([0.0, 1.0, 2.5, -1e300])),
    (pa.string(), st.sampled_from(["a", "", "5", "5.0", "ß", "a\U0001f600"])),
    (pa.timestamp("us"), st.datetimes()),
]


@pytest.mark.parametrize(("kind", "values"), KINDS, ids=lambda each: str(each)[:9])
@given(data=st.data())
def test_keys_are_equal_where_codes_are(kind: pa.DataType, values: st.SearchStrategy[Any], data: st.DataObject) -> None:
    cells = data.draw(st.lists(st.one_of(st.none(), values), max_size=12))
    cut = data.draw(st.integers(0, len(cells)))
    codes = unit_codes(cells_of(pa.array(cells, kind)))
    batches = [unit_keys(cells_of(pa.array(part, kind)), SECRET) for part in (cells[:cut], cells[cut:])]
    keys, named = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert named.tolist() == (codes >= 0).tolist()
    pairs = {(int(code), *key) for code, key in zip(codes[named], keys[named].tolist(), strict=True)}
    assert len(pairs) == len({code for code, *_ in pairs}) == len({tuple(key) for _, *key in pairs})


def test_keys_of_text_tell_nothing_without_the_secret() -> None:
    cells = cells_of(pa.array(["a"]))
    assert unit_keys(cells, SECRET)[0].tolist() != unit_keys(cells, SECRET[::-1])[0].tolist()
