from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

import dpsynth
from attacks.tables import BINS, LEVELS, MISSING, UNSEEN, Encoder, joined, rows_at, stacked

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Numeric("pay", lower=0, upper=10_000, integer=True, nullable=True),
        dpsynth.Categorical("sex", values=["F", "M"], nullable=True),
        dpsynth.OpenCategorical("town", nullable=True),
        dpsynth.Datetime("day", lower="2020-01-01", upper="2020-12-31"),
    ]
)
CELLS = st.fixed_dictionaries(
    {
        "pay": st.one_of(st.none(), st.integers(-5, 10_050)),
        "sex": st.sampled_from(["F", "M", None, "X"]),
        "town": st.sampled_from(["York", "Ely", "Ham", None]),
        "day": st.sampled_from(["2020-01-01", "2020-06-30", "2020-12-31", "nonsense"]),
    }
)


def ticked(rows: list[dict[str, object]]) -> dpsynth.Ticked:
    return dpsynth.ticked(pd.DataFrame(rows, columns=list(SCHEMA.names)).astype(object), SCHEMA)


@given(st.lists(CELLS, min_size=1, max_size=30), st.lists(CELLS, min_size=1, max_size=30))
def test_codes_are_coarser_than_ticks_and_say_what_is_missing(
    known: list[dict[str, object]], others: list[dict[str, object]]
) -> None:
    encoder = Encoder.of(SCHEMA, [ticked(known)])
    table = encoder.encode(ticked(known + others))
    for place, levels in enumerate(table.levels):
        ticks, codes = table.ticks[:, place], table.codes[:, place]
        assert codes.min() >= 0
        assert codes.max() < levels
        assert ((ticks == -1) == (codes == MISSING)).all()
        assert (codes[ticks == -2] == UNSEEN).all()
        # Equal ticks have equal codes and ranks.
        for tick in np.unique(ticks):
            assert len(np.unique(codes[ticks == tick])) == 1
    own = table.codes[: len(known)]
    assert (own[table.ticks[: len(known)] >= 0] != UNSEEN).all()
    ranks = table.ranks[:, 0]
    assert (np.isnan(ranks) == (table.ticks[:, 0] < 0)).all() or np.isnan(ranks).all()
    present = ranks[~np.isnan(ranks)]
    assert ((present >= 0) & (present <= 1)).all()


def test_a_long_number_is_binned_and_a_long_list_keeps_what_is_frequent() -> None:
    rng = np.random.default_rng(0)
    schema = dpsynth.Schema(
        [dpsynth.Numeric("x", lower=0, upper=1e6), dpsynth.Categorical("c", values=range(LEVELS + 200))]
    )
    codes = np.minimum(rng.geometric(0.01, 20_000) - 1, LEVELS + 199)
    table = dpsynth.ticked({"x": rng.random(20_000) * 1e6, "c": codes}, schema)
    encoded = Encoder.of(schema, [table]).encode(table)
    counts = np.bincount(encoded.codes[:, 0])[2:]
    assert len(counts) == BINS
    assert counts.min() > 700
    assert encoded.levels[1] == LEVELS + 2
    assert (np.diff(encoded.ranks[np.argsort(encoded.ticks[:, 0]), 0]) >= 0).all()


def test_open_columns_of_two_tables_share_their_labels() -> None:
    one, other = ticked([{"town": "York"}, {"town": "Ely"}]), ticked([{"town": "Ely"}, {"town": "Bath"}])
    both = joined(one, other)
    assert [both.labels["town"][tick] for tick in both.ticks["town"]] == ["York", "Ely", "Ely", "Bath"]
    encoder = Encoder.of(SCHEMA, [one])
    table = encoder.encode(other)
    place = table.names.index("town")
    assert table.codes[0, place] == encoder.encode(one).codes[1, place]
    assert table.codes[1, place] == UNSEEN
    assert encoder.labels_of("town") == ("York", "Ely")


def test_rows_and_columns_can_be_taken() -> None:
    table = Encoder.of(SCHEMA, [ticked([{"sex": "F"}, {"sex": "M"}])]).encode(ticked([{"sex": "F"}, {"sex": "M"}]))
    assert len(table.take(np.array([True, False]))) == 1
    assert table.without("sex").names == ("pay", "town", "day")
    assert table.only(["day", "pay"]).names == ("day", "pay")
    assert len(stacked(table, table)) == 4
    assert rows_at(ticked([{"sex": "F"}, {"sex": "M"}]), np.array([1])).ticks["sex"].tolist() == [1]
    assert "F" not in repr(table)
