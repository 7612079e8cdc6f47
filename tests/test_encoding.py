"""Finding codes: what is public costs nothing, what is not is paid for, spikes and shapes survive."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import dpsynth
from dpsynth.encoding import (
    Encoding,
    find_codec,
    largest_domain,
    needs_budget,
    planned_steps,
)
from dpsynth.errors import SettingError
from dpsynth.privacy.calibration import budget_from
from dpsynth.privacy.cost import ZERO
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.session import Session

CLOSED = dpsynth.Schema([dpsynth.Boolean("a"), dpsynth.Numeric("b", lower=0, upper=9, integer=True, edges=[0, 5, 9])])
BUDGET = budget_from(4.0, 1e-6, 1e-7)
BINNINGS = ("quantiles", "privtree")


def money(**options) -> dpsynth.Schema:
    return dpsynth.Schema([dpsynth.Numeric("money", lower=0, upper=99_999, integer=True, **options)])


def found(schema: dpsynth.Schema, table: dict, seed: int = 0, encoding: Encoding = Encoding()):  # noqa: B008
    source = InsecureTestEntropy(seed)
    door = Session(
        MemoryCounter(ingest(pd.DataFrame(table), schema, PrivacyUnit(), source)), PrivacyUnit(), BUDGET, source
    )
    return find_codec(door, schema, BUDGET, encoding, expected_pair_mu=0.1), door


def test_a_closed_schema_is_free():
    assert not needs_budget(CLOSED)
    assert planned_steps(CLOSED, BUDGET, Encoding(), PrivacyUnit()) == ()
    codec, door = found(CLOSED, {"a": [True], "b": [3]})
    assert door.spent == ZERO
    assert codec.domain.sizes == largest_domain(CLOSED).sizes == (2, 2)


@pytest.mark.parametrize("public_rows", [None, 5000])
@pytest.mark.parametrize("binning", BINNINGS)
def test_the_plan_lists_what_runs_at_the_same_cost(public_rows, binning):
    encoding = Encoding(binning=binning)
    schema = dpsynth.Schema(
        [*money().columns, dpsynth.OpenCategorical("city"), dpsynth.Boolean("a")], public_rows=public_rows
    )
    _, door = found(schema, {"money": range(0, 99_999, 33), "city": ["Oslo"] * 3031, "a": [True] * 3031}, 0, encoding)
    planned = {step.label: step.cost for step in planned_steps(schema, BUDGET, encoding, PrivacyUnit())}
    ran = {record.label: record.cost for record in door.records}
    assert set(ran) == set(planned)
    assert ("number of rows" in ran) is (public_rows is None)
    for label, cost in ran.items():
        assert cost <= planned[label]
        assert float(cost.mu_squared) == pytest.approx(float(planned[label].mu_squared), rel=1e-6)
    assert sum(planned.values(), ZERO) == BUDGET


@pytest.mark.parametrize("atoms", [(), (0, 99_999)])
@pytest.mark.parametrize("binning", BINNINGS)
def test_spikes_keep_their_share(atoms, binning):
    rng = np.random.default_rng(0)
    values = np.concatenate([np.zeros(9000), np.full(1500, 99_999), rng.integers(1, 30_000, 4500)]).astype(int)
    codec, _ = found(money(atoms=atoms), {"money": values}, 0, Encoding(binning=binning))
    ticks = rng.permutation(values)
    codes = codec.encode_column("money", ticks)
    decoded = codec.decode({"money": codes}, len(codes), rng)["money"].to_numpy()
    for spike, share in ((0, 0.6), (99_999, 0.1)):
        assert (decoded == spike).mean() == pytest.approx(share, abs=0.02)
    assert ((decoded > 30_000) & (decoded < 99_999)).mean() < 0.08


@pytest.mark.parametrize("binning", BINNINGS)
def test_declared_bins_and_edges_bound_the_domain(binning):
    schema = money(bins=16, atoms=(0,), nullable=True)
    assert largest_domain(schema).sizes == (18,)
    codec, _ = found(
        schema, {"money": np.random.default_rng(0).integers(0, 99_999, 5000)}, 0, Encoding(binning=binning)
    )
    assert codec.domain.sizes[0] <= 18


def test_known_values_of_an_open_column_are_always_there():
    schema = dpsynth.Schema([dpsynth.OpenCategorical("city", known=["Bergen"], max_values=3)])
    codec, _ = found(schema, {"city": ["Oslo"] * 900 + ["Moss"]})
    assert codec["city"].code_labels() == ("Bergen", "Oslo", "(other)")


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_bad_shares_are_refused(share):
    with pytest.raises(SettingError, match="between 0 and 1"):
        Encoding(encoding_share=share)


def test_an_unknown_way_to_bin_is_refused():
    with pytest.raises(SettingError, match="binning"):
        Encoding(binning="equal")
