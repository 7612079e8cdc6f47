"""The codec of a whole table: domain, decode, JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.errors import DPSynthError, SettingError
from dpsynth.schema.columns import Boolean, Categorical, Datetime, Identifier, Numeric, OpenCategorical

WAGE = Numeric("wage", lower=0, upper=100, decimals=1, atoms=[0], nullable=True)
DAY = Datetime("day", lower="2020-01-01", upper="2020-12-31", edges=["2020-07-01"])


@pytest.fixture
def codec() -> Codec:
    return Codec(
        (
            closed_codec(Identifier("id", prefix="P")),
            closed_codec(Categorical("sex", values=["F", "M"], nullable=True)),
            OpenCodec(OpenCategorical("city"), ("Oslo", "<Bergen>")),
            BinnedCodec(WAGE, (0, 300, WAGE.ticks), (0,), (0, 150, WAGE.ticks), (2.0, -1.5)),
            closed_codec(DAY),
            closed_codec(Boolean("smoker")),
        )
    )


def test_domain_leaves_identifiers_out(codec: Codec) -> None:
    assert codec.domain.columns == ("sex", "city", "wage", "day", "smoker")
    assert codec.domain.sizes == (3, 3, 4, 2, 2)


def test_decode_gives_the_columns_of_the_schema_in_order(codec: Codec, rng: np.random.Generator) -> None:
    codes = {name: rng.integers(0, codec.domain[name], 50) for name in codec.domain}
    table = codec.decode(codes, 50, rng)
    assert list(table.columns) == ["id", "sex", "city", "wage", "day", "smoker"]
    assert len(table) == 50
    assert table["id"].is_unique
    empty = codec.decode({name: np.array([], dtype=int) for name in codec.domain}, 0, rng)
    assert (empty.dtypes == table.dtypes).all()


def test_decode_refuses_wrong_codes(codec: Codec, rng: np.random.Generator) -> None:
    codes = {name: np.zeros(2, dtype=int) for name in codec.domain}
    for wrong in ({"sex": np.array([0])}, {"sex": np.array([0, 3])}, {"sex": np.array([-1, 0])}):
        with pytest.raises(SettingError, match="codes of 'sex'"):
            codec.decode({**codes, **wrong}, 2, rng)
    with pytest.raises(SettingError, match="codes of 'smoker'"):
        codec.decode({name: codes[name] for name in codes if name != "smoker"}, 2, rng)


def test_merged_replaces_the_named_columns(codec: Codec) -> None:
    merged = codec.merged({"city": np.array([0, 1, 1])}, {"city": np.array([1.0, 2.0, 3.0])})
    assert merged.domain.sizes == (3, 2, 4, 2, 2)
    assert merged["sex"] is codec["sex"]
    with pytest.raises(SettingError, match="same columns"):
        codec.merged({"town": np.array([0])}, {"town": np.array([0.0])})


def test_levels_follow_the_column_they_read(codec: Codec, rng: np.random.Generator) -> None:
    levels = codec.with_levels(
        {
            "wage": {"paid": np.array([0, 0, 1, 1]), "known": np.array([0, 0, 0, 1])},
            "sex": {"said": np.array([0, 0, 1])},
        }
    )
    assert levels.domain.columns == ("sex", "said", "city", "wage", "paid", "known", "day", "smoker")
    assert levels.domain.sizes == (3, 2, 3, 4, 2, 2, 2, 2)
    assert levels["wage"] is codec["wage"]
    assert {column.name: column.source for column in levels.columns if column.name != column.source} == {
        "said": "sex", "paid": "wage", "known": "wage",
    }  # fmt: skip
    assert codec.with_levels({}) == codec
    with pytest.raises(SettingError, match="must not be decoded"):
        levels.decode({name: np.zeros(2, dtype=int) for name in levels.domain}, 2, rng)
    with pytest.raises(SettingError, match=r"level \(said\) must not be written"):
        levels.to_json()


@pytest.mark.parametrize("column", ["id", "town"])
def test_levels_of_what_is_not_counted_are_refused(codec: Codec, column: str) -> None:
    with pytest.raises(SettingError, match=f"levels of '{column}'"):
        codec.with_levels({column: {"new": np.array([0])}})


@pytest.mark.parametrize(
    "levels",
    [
        {"sex": {"city": np.array([0, 0, 1])}},
        {"sex": {"id": np.array([0, 0, 1])}},
        {"sex": {"new": np.array([0, 0, 1])}, "smoker": {"new": np.array([0, 0])}},
    ],
)
def test_the_name_of_a_level_must_be_new(codec: Codec, levels: dict[str, dict[str, np.ndarray]]) -> None:
    with pytest.raises(SettingError, match="must be new"):
        codec.with_levels(levels)


def test_json_round_trip_decodes_alike(codec: Codec) -> None:
    merged = codec.merged({"wage": np.array([0, 0, 1, 1])}, {"wage": np.array([1.0, 2.0, 3.0, 0.25])})
    back = Codec.from_json(json.loads(json.dumps(merged.to_json())))
    assert back == merged
    codes = {name: np.arange(40) % merged.domain[name] for name in merged.domain}
    drawn = [c.decode(codes, 40, np.random.default_rng(1)) for c in (merged, back)]
    assert drawn[0].equals(drawn[1])


def without(document: dict[str, Any], position: int, entry: str) -> dict[str, Any]:
    changed = json.loads(json.dumps(document))
    del changed["columns"][position][entry]
    return changed


def test_json_that_is_not_a_codec_is_refused(codec: Codec) -> None:
    document = codec.to_json()
    broken: list[Any] = [
        {},
        {"columns": []},
        {**document, "columns": document["columns"][:2]},
        {**document, "schema": {}},
    ]
    broken += [without(document, position, "kind") for position in range(6)]
    broken += [without(document, 3, entry) for entry in ("edges", "atoms", "fine_edges", "fine_counts")]
    broken += [{**document, "columns": document["columns"][::-1]}]
    for edges in ("abc", [0, "x", 1001], [[0, 1001]], None, [0, 1e30], 7):
        changed = json.loads(json.dumps(document))
        changed["columns"][3]["edges"] = edges
        broken.append(changed)
    for wrong in broken:
        with pytest.raises(DPSynthError):
            Codec.from_json(wrong)


def test_closed_codec_takes_edges_and_atoms_from_the_schema() -> None:
    column = Numeric("wage", lower=0, upper=10, integer=True, edges=[0, 5, 10], atoms=[0, 7])
    made = closed_codec(column)
    assert made == BinnedCodec(column, (0, *column.cut_ticks, 11), (0, 7))


@pytest.mark.parametrize("column", [OpenCategorical("c"), Numeric("c", lower=0, upper=1)])
def test_closed_codec_refuses_what_must_be_paid_for(column: OpenCategorical | Numeric) -> None:
    with pytest.raises(SettingError, match="'c'"):
        closed_codec(column)
